# SPDX-License-Identifier: GPL-3.0-or-later
"""Our stacks against libunwind's, frame by frame, in whole programs.

Usage: check_stacks.py STACK_CHECK.SO PLUGIN.SO SUBJECT SUBJECT_FP SCRATCH short|long. Every
allocation of each program is walked by both; at least 99.99 % must be equal (PERFORMANCE.md 10), of
each program and of each kind of code (stack_subject.cc) by itself. long: at least a million stacks
over at least eight programs. Missing programs are named.
"""
import glob
import os
import shutil
import struct
import subprocess
import sys

CHECK, PLUGIN, SUBJECT, SUBJECT_FP, SCRATCH, MODE = sys.argv[1:7]
EXAMPLES, EXAMPLE_FRAMES = 8, 40
COUNTS = struct.Struct("<6Q")
EXAMPLE = struct.Struct("<%dQ" % (2 + 2 * EXAMPLE_FRAMES))
IS_LONG = MODE == "long"
LEAST = 0.9999  # of the stacks of each

PYTHON = """
import ast, json
total = 0
for _ in range(%d):
    tree = ast.parse("\\n".join("def f%%d(a):\\n    return [a * k for k in range(9)]" %% i
                               for i in range(80)))
    doc = json.loads(json.dumps([{"id": i, "tags": [str(i * k) for k in range(6)]}
                                 for i in range(300)]))
    total += len(doc) + len(compile(tree, "x", "exec").co_consts)
""" % (8 if IS_LONG else 1)
SQL = """
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000)
INSERT INTO t SELECT i, printf('name-%d-%s', i*7919 % 100003, hex(i*31)), i % 1000 FROM n;
CREATE INDEX ia ON t(a);
SELECT count(*), max(length(x)) FROM (SELECT b, group_concat(a, '|') x FROM t GROUP BY b);
SELECT count(DISTINCT substr(a, 1, 12)) FROM t;
"""
CMAKE = """
cmake_minimum_required(VERSION 3.13)
foreach(i RANGE 1 3000)
  string(REGEX REPLACE "([a-z]+)-([0-9]+)" "\\\\2_\\\\1_long_enough_for_the_heap" r "item-${i}")
  string(TOUPPER "${r}" r)
  list(APPEND bucket "${r}")
endforeach()
list(SORT bucket)
"""
# Each kind of the subject: its rounds in the short test.
KINDS = {"exceptions": 400, "containers": 40, "assembly": 40, "linkage": 100, "frames": 60,
         "signals": 1000, "callbacks": 50, "generated": 500, "modules": 20}
GTK = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
window, store = Gtk.Window(), Gtk.ListStore(str, int)
for i in range(300):
    store.append(["row %d" % i, i])
tree = Gtk.TreeView(model=store)
for i, title in enumerate(["name", "number"]):
    tree.append_column(Gtk.TreeViewColumn(title, Gtk.CellRendererText(), text=i))
window.add(tree)
window.show_all()
GLib.timeout_add(300, Gtk.main_quit)
Gtk.main()
"""
PERL = ("my %%h; for my $i (1..%d)"
        " { $h{$i} = [split /,/, join ',', 1..9]; $h{$i}->[3] .= 'x' x $i; }")


def write(name, text):
    path = os.path.join(SCRATCH, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def c_source():
    """Something for the compiler that needs nothing but its own headers."""
    body = "\n".join("struct s%d { int a; char *b; }; static int f%d (struct s%d *x, int n)"
                     "{ int r = n; for (int i = 0; i < n; i++) r += x[i].a * %d + (r >> 3);"
                     " return r; } int g%d (struct s%d *x) { return f%d (x, %d); }"
                     % ((i,) * 8) for i in range(1200 if IS_LONG else 100))
    return write("subject.c", body)


def programs():
    """(name, command, environment)"""
    for kind, rounds in KINDS.items():
        arguments = [kind, str(rounds * 10 if IS_LONG else rounds), PLUGIN]
        yield kind, [SUBJECT, *arguments], {}
        yield kind + ", frame pointers", [SUBJECT_FP, *arguments], {}
    yield ("python3", ["/usr/bin/python3", "-c", PYTHON],
           {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"})
    yield "perl", ["/usr/bin/perl", "-e", PERL % (20000 if IS_LONG else 2000)], {}
    yield ("python3 and GTK", ["xvfb-run", "-a", "/usr/bin/python3", "-c", GTK],
           {"NO_AT_BRIDGE": "1", "GDK_BACKEND": "x11", "PYTHONMALLOC": "malloc"})
    if not IS_LONG:
        return
    yield "sqlite3", ["/usr/bin/sqlite3", ":memory:", ".read " + write("subject.sql", SQL)], {}
    yield "cmake", ["/usr/bin/cmake", "-P", write("subject.cmake", CMAKE)], {}
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, text=True,
                         check=True).stdout.strip()
    yield "cc1", [cc1, "-quiet", "-O2", c_source(), "-o", "/dev/null"], {}
    yield "git", ["/usr/bin/git", "-C", os.path.dirname(os.path.abspath(__file__)), "log",
                  "--stat", "-n", "60"], {"GIT_PAGER": "cat"}
    yield "gdb", ["/usr/bin/gdb", "-batch", "-nx", "-ex", "info functions ^throw", SUBJECT], {}
    yield ("gtk3-demo", ["xvfb-run", "-a", "timeout", "15", "/usr/bin/gtk3-demo",
                         "--run=list_store", "--autoquit"], {"NO_AT_BRIDGE": "1"})


def read_counts(folder):
    """Sums over the processes (struct counts), and examples of what differs."""
    sums, examples = [0] * 6, []
    for path in sorted(glob.glob(folder + "/*")):
        with open(path, "rb") as file:
            data = file.read()
        counts = COUNTS.unpack_from(data)
        sums = [a + b for a, b in zip(sums, counts)]
        for number in range(min(counts[1], EXAMPLES)):
            words = EXAMPLE.unpack_from(data, COUNTS.size + number * EXAMPLE.size)
            ours, theirs = words[2:2 + EXAMPLE_FRAMES], words[2 + EXAMPLE_FRAMES:]
            examples.append((os.path.basename(path), words[0], words[1], ours, theirs))
    return sums, examples


def main():
    total, different, n_programs, is_bad = 0, 0, 0, False
    for number, (name, command, environment) in enumerate(programs()):
        program = shutil.which(command[0])
        if program is None or (name == "gtk3-demo" and not os.path.exists("/usr/bin/gtk3-demo")):
            print("skipped: %s is not installed" % name)
            continue
        folder = os.path.join(SCRATCH, "stack-counts-%s-%d" % (MODE, number))
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        env = {k: v for k, v in os.environ.items() if k not in ("LD_BIND_NOW",)}
        env.update(environment, LD_PRELOAD=CHECK, STACK_CHECK=folder)
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=1200, check=False)
        (stacks, unlike, truncated, frames, walked, again), examples = read_counts(folder)
        print("%-28s %8.4f %% of %8d stacks equal; %4.1f frames (%4.1f stepped), "
              "%d truncated%s%s" % (
                  name, 100 * (1 - unlike / max(stacks, 1)), stacks, frames / max(stacks, 1),
                  walked / max(stacks, 1), truncated,
                  "" if again == 0 else ", %d only when libunwind walked anew" % again,
                  "" if done.returncode == 0 else " (ended with %d)" % done.returncode))
        for process, n_ours, n_theirs, ours, theirs in examples[:3]:
            print("  %s: ours %d frames %s\n    libunwind's %d frames %s" % (
                process, n_ours, " ".join("%x" % x for x in ours[:min(n_ours, 12)]), n_theirs,
                " ".join("%x" % x for x in theirs[:min(n_theirs, 12)])))
        total, different = total + stacks, different + unlike
        n_programs += stacks > 0
        is_bad |= stacks < 100 or unlike > stacks * (1 - LEAST)
        is_bad |= done.returncode != 0 and name.split(",")[0] in KINDS
    print("%d stacks over %d programs, %d different: %.4f %% equal" % (
        total, n_programs, different, 100 * (1 - different / max(total, 1))))
    enough = total >= 1000000 and n_programs >= 8 if IS_LONG else total >= 20000
    if not enough:
        print("that is too few")
    sys.exit(0 if enough and not is_bad else 1)


main()
