// SPDX-License-Identifier: GPL-3.0-or-later
// Subject of the symbol tests, in Rust.
use std::collections::HashMap;

struct Shop {
    items: HashMap<String, Vec<u32>>,
}

impl Shop {
    fn add(&mut self, name: &str, price: u32) {
        self.items.entry(name.to_string()).or_default().push(price);
    }

    fn total(&self) -> u32 {
        self.items.values().flatten().fold(0, |a, b| a.wrapping_add(*b))
    }
}

fn main() {
    let mut shop = Shop { items: HashMap::new() };
    for i in 0..100 {
        shop.add(&format!("item {}", i % 10), i);
    }
    println!("{}", shop.total());
}
