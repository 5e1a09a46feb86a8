// SPDX-License-Identifier: GPL-3.0-or-later
// Subject of the symbol tests: templates, inlining, a C function, an anonymous namespace. Run as a
// program it allocates in functions whose names the tests look for.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shop {
namespace {
inline int price_of (const std::string &name)
{
    return static_cast<int> (name.size ()) * 7;
}
} // namespace

struct Item {
    std::string name;
    int price;
};

class Basket {
public:
    void add (const std::string &name)
    {
        items.push_back (Item{ name, price_of (name) });
        by_name[name] = items.size ();
    }
    __attribute__ ((noinline)) char *keep (size_t size);
    template <typename T> T sum () const
    {
        T total{};
        for (const auto &item : items)
            total += static_cast<T> (item.price);
        return total;
    }

private:
    std::vector<Item> items;
    std::map<std::string, size_t> by_name;
};

char *Basket::keep (size_t size)
{
    char *block = new char[size];

    block[0] = static_cast<char> (items.size ());
    return block;
}
} // namespace shop

extern "C" __attribute__ ((noinline)) void *plain_c_function (size_t size)
{
    void *block = malloc (size);

    static_cast<char *> (block)[0] = 1;
    return block;
}

int main ()
{
    shop::Basket basket;
    auto text = std::make_unique<std::string> ("a rather long text, too long for the short form");
    char *kept = nullptr;
    void *plain = nullptr;

    for (int i = 0; i < 50; i++)
        basket.add (*text + std::to_string (i));
    for (int i = 0; i < 10; i++) {
        kept = basket.keep (100000); // never freed, on purpose
        plain = plain_c_function (5000);
    }
    std::printf ("%.1f %d %p %p\n", basket.sum<double> (), basket.sum<int> (),
                 static_cast<void *> (kept), plain);
    return 0;
}
