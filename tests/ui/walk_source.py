#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of sources: a recorded program whose allocations are known. The row chosen in the tree
leads to its call path and its line, with the bytes that `heapstrata source` says; sources that were
compiled elsewhere are found through the map, and the editor gets file and line."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from desktop import Atspi, Failure, Viewer, Walk, cli, equal, press, table_rows, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv[1]
ROLE = Atspi.Role
SUBJECT = os.path.join(HERE, "..", "symbols", "subject.cc")
KEEP = "shop::Basket::keep(unsigned long)"


def path_rows(viewer):
    return table_rows(viewer.find(ROLE.TABLE, "^Call path$"))


def settings(folder, **keys):
    """A file that GSettings reads, so that keys are set before the window is there."""
    path = os.path.join(folder, "glib-2.0", "settings")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "keyfile"), "w", encoding="utf-8") as file:
        file.write("[org/heapstrata/Heapstrata]\n" +
                   "".join("%s=%s\n" % (k.replace("_", "-"), v) for k, v in keys.items()))
    return {"GSETTINGS_BACKEND": "keyfile", "XDG_CONFIG_HOME": folder}


def known_lines(trace, name):
    program = os.path.join(BUILD, "src/cli/heapstrata")
    run = subprocess.run([program, "source", "--json", "--lines-of", name, trace], text=True,
                         stdout=subprocess.PIPE, check=True)
    return {line["line"]: line for line in json.loads(run.stdout)["lines"]}


def walk_program(steps, folder, trace, source):
    out = os.path.join(folder, "edited")
    editor = os.path.join(folder, "editor")
    with open(editor, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho \"$@\" > %s.new; mv %s.new %s\n" % (out, out, out))
    os.chmod(editor, 0o755)
    viewer = Viewer(BUILD, trace, **settings(os.path.join(folder, "one"),
                                             editor="'%s at %%l of %%f'" % editor))
    with open(source, encoding="utf-8") as file:
        text = file.read().split("\n")
    line = next(i for i, content in enumerate(text, 1) if "new char[size]" in content)

    def chosen():
        press("Alt+2")
        table = viewer.find(ROLE.TREE_TABLE, "bottom-up")
        wait_for("the names", lambda: (table_rows(table, 1) or [[""]])[0][0].startswith(KEEP[:12]))
        viewer.focus(ROLE.TREE_TABLE, "bottom-up")
        press("Home")
        press("s")
        rows = wait_for("the call path", lambda: [r for r in path_rows(viewer) if r[0] == KEEP]
                        and path_rows(viewer))
        equal("the allocating function", rows[0],
              [KEEP, "%s:%d" % (os.path.basename(source), line)])
        equal("its caller", rows[1][0], "main")

    def bytes_of_line():
        known = known_lines(trace, os.path.basename(source))[line]
        if (known["outstanding_bytes"], known["total_bytes"]) != (1000000, 1000000):
            raise Failure("line %d has %r" % (line, known))
        viewer.text("^line %d: 976.6 KiB outstanding, 976.6 KiB allocated$" % line)

    def shown():
        view = viewer.find(ROLE.TEXT, "^Source$")
        content = wait_for("the text", lambda: Atspi.Text.get_text(view, 0, -1))
        equal("the text", content.rstrip("\n"), "\n".join(text).rstrip("\n"))

    def caller():
        viewer.focus(ROLE.TABLE, "^Call path$")
        press("Down")
        at = next(i for i, content in enumerate(text, 1) if "basket.keep (100000)" in content)
        viewer.text("^line (%d|%d): " % (at, at + 1))
        press("Up")
        viewer.text("^line %d: " % line)

    def edited():
        viewer.click(ROLE.PUSH_BUTTON, "^Open in Editor$")
        wait_for("the editor", lambda: os.path.exists(out))
        with open(out, encoding="utf-8") as file:
            equal("what the editor was given", file.read().strip(), "at %d of %s" % (line, source))

    def at_its_place():
        viewer.text(r"^976\.6 KiB of 976\.6 KiB, in 1 call path$")
        box = viewer.find(ROLE.TABLE, "^Call path$").get_component_iface()
        width = box.get_extents(Atspi.CoordType.SCREEN).width
        if not 380 <= width <= 400:
            raise Failure("the call path is %d wide" % width)

    steps.step("the chosen row's call path, with file and line", chosen)
    steps.step("its heading, and room for it", at_its_place)
    steps.step("the bytes of its line", bytes_of_line)
    steps.step("the source itself", shown)
    steps.step("a caller in the path shows its line", caller)
    steps.step("the editor gets file and line", edited)
    steps.step("no complaints (source)", viewer.close)
    viewer.kill()


def walk_allocators(steps, folder, trace):
    """What counts as an allocator is the user's, and seen when the list is saved."""
    home = os.path.join(folder, "own")
    out = os.path.join(folder, "list")
    editor = os.path.join(folder, "editor")  # of walk_program
    with open(editor, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho \"$1\" > %s.new; mv %s.new %s\n" % (out, out, out))
    viewer = Viewer(BUILD, trace, **settings(home, editor="'%s %%f'" % editor))
    path = os.path.join(home, "heapstrata", "allocators")

    def first_is(name):
        table = viewer.find(ROLE.TREE_TABLE, "bottom-up")
        wait_for(name, lambda: (table_rows(table, 1) or [[""]])[0][0].startswith(name))

    def choose(role, name):
        if not viewer.has(role, name):  # it stays open after a switch
            viewer.click(ROLE.TOGGLE_BUTTON, "^Main menu$")
        viewer.click(role, name)

    def edited():
        press("Alt+2")
        first_is("shop::Basket::keep")
        choose(ROLE.PUSH_BUTTON, "^Edit Allocator Functions…$")
        wait_for("the editor", lambda: os.path.exists(out))
        with open(out, encoding="utf-8") as file:
            equal("what the editor was given", file.read().strip(), path)
        with open(path, "a", encoding="utf-8") as file:
            file.write("shop::Basket::*\n")
        first_is("main")

    def shown():
        choose(ROLE.CHECK_BOX, "^Show Allocator Functions$")
        first_is("shop::Basket::keep")
        choose(ROLE.CHECK_BOX, "^Show Allocator Functions$")
        first_is("main")
        press("Escape")  # the menu
        os.remove(path)
        first_is("shop::Basket::keep")

    steps.step("the user's list, edited while the window is open", edited)
    steps.step("allocators as rows, folded again, the list gone", shown)
    steps.step("no complaints (allocators)", viewer.close)
    viewer.kill()


def walk_recursion(steps, folder, source):
    """The switch in the menu: what the tree says with it, and without."""
    program, trace = os.path.join(folder, "recursive"), os.path.join(folder, "recursive.hst")
    subprocess.run(["gcc", "-g", "-O0", "-o", program, source], check=True)
    subprocess.run([os.path.join(BUILD, "src/cli/heapstrata"), "record", "-o", trace, "--",
                    program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    viewer = Viewer(BUILD, trace, **settings(os.path.join(folder, "recursion")))

    def known(*options):
        """What called the function that allocates, and what called that."""
        rows = cli(BUILD, "tree", "--bottom-up", "--limit", "0", *options, trace)["rows"]
        at = next(i for i, r in enumerate(rows) if r["label"] == "new_node" and r["depth"] == 1)
        return [r["label"] for r in rows[at + 1:at + 3]]

    def names():
        rows = table_rows(viewer.find(ROLE.TREE_TABLE, "bottom-up"), 30)
        return [row[0].split(" ")[0] for row in rows]  # the module is behind it

    def shown(callers):
        def is_shown():
            found = names()
            at = found.index("new_node") if "new_node" in found else len(found)
            return found[at + 1:at + 3] == callers
        wait_for("new_node < " + " < ".join(callers), is_shown)

    def switched():
        press("Alt+2")
        equal("a function below itself", known(), ["insert", "insert"])
        equal("the caller of both", known("--collapse-recursion"), ["insert", "main"])
        wait_for("the names", lambda: "new_node" in names())
        viewer.focus(ROLE.TREE_TABLE, "bottom-up")
        press("Home")
        for _ in range(names().index("new_node")):
            press("Down")
        for _ in range(2):
            press("Shift+Right")
            press("Down")
        shown(["insert", "insert"])
        viewer.click(ROLE.TOGGLE_BUTTON, "^Main menu$")
        viewer.click(ROLE.CHECK_BOX, "^Collapse Recursion$")
        shown(["insert", "main"])
        viewer.click(ROLE.CHECK_BOX, "^Collapse Recursion$")
        shown(["insert", "insert"])
        press("Escape")  # the menu

    steps.step("recursion, collapsed and shown again", switched)
    steps.step("no complaints (recursion)", viewer.close)
    viewer.kill()


def walk_empty(steps, folder, trace):
    viewer = Viewer(BUILD, trace, "--range", "0:0.000001", **settings(os.path.join(folder, "no")))

    def nothing():
        press("Alt+6")
        for text in ("No call path", "No source", "Nothing is counted in this selection"):
            viewer.text("^%s$" % text)
        equal("rows of the path", path_rows(viewer), [])

    def without_source():
        press("Alt+1")
        viewer.focus(ROLE.TREE_TABLE, "top-down")
        press("Escape")  # the range
        press("Home")
        press("s")
        rows = wait_for("a path", lambda: path_rows(viewer))
        viewer.focus(ROLE.TABLE, "^Call path$")
        press("End")
        equal("the program's start", rows[-1], ["_start", "program"])
        viewer.text("^_start$")
        viewer.text("^No source file is known for _start$")

    steps.step("a range without memory: no path, no source", nothing)
    steps.step("a function without source is named", without_source)
    steps.step("no complaints (nothing)", viewer.close)
    viewer.kill()


NESTED = """#include <stdlib.h>
void *volatile sink;
#define BODY { sink = malloc (n); __asm__ volatile ("" ::: "memory"); }
static __attribute__ ((noinline)) void innermost (size_t n) BODY
static inline __attribute__ ((always_inline)) void inlined (size_t n) { innermost (n); BODY }
static __attribute__ ((noinline)) void outer (size_t n) { inlined (n); BODY }
int main (void) { outer (100000); return 0; }
"""


def walk_first_rows(steps, folder):
    """Names come after the rows, and make two of one where a call was inlined."""
    source, program = os.path.join(folder, "nested.c"), os.path.join(folder, "nested")
    trace = os.path.join(folder, "nested.hst")
    with open(source, "w", encoding="utf-8") as file:
        file.write(NESTED)
    subprocess.run(["gcc", "-g", "-O2", "-o", program, source], check=True)
    subprocess.run([os.path.join(BUILD, "src/cli/heapstrata"), "record", "-o", trace, "--",
                    program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    viewer = Viewer(BUILD, trace)

    def opened():
        table = viewer.find(ROLE.TREE_TABLE, "top-down")
        wait_for("the rows", lambda: [row[0].split()[0] for row in table_rows(table)][3:6]
                 == ["main", "outer", "inlined"])

    steps.step("the hot path stays open when names come", opened)
    steps.step("no complaints (first rows)", viewer.close)
    viewer.kill()


def walk_elsewhere(steps, folder, trace, source):
    """The folder that it was compiled in is gone."""
    here = os.path.join(folder, "here")
    shutil.move(os.path.dirname(source), here)
    missing = Viewer(BUILD, trace, **settings(os.path.join(folder, "two")))

    def gone():
        press("Alt+6")
        missing.text("^%s is not on this machine$" % re.escape(source))
        missing.find(ROLE.PUSH_BUTTON, "^Locate…$")

    steps.step("a source that is not here", gone)
    steps.step("no complaints (no source)", missing.close)
    missing.kill()
    mapped = Viewer(BUILD, trace, **settings(
        os.path.join(folder, "three"), source_map="['%s=%s']" % (os.path.dirname(source), here)))

    def found():
        press("Alt+6")
        view = mapped.find(ROLE.TEXT, "^Source$")
        wait_for("the text", lambda: "new char[size]" in Atspi.Text.get_text(view, 0, -1))

    steps.step("the map leads to it", found)
    steps.step("no complaints (mapped)", mapped.close)
    mapped.kill()


def main():
    if not shutil.which("g++"):
        print("1..0 # SKIP g++ is not installed")
        return
    steps = Walk()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "there"))
        source = shutil.copy(SUBJECT, os.path.join(folder, "there"))
        program, trace = os.path.join(folder, "program"), os.path.join(folder, "trace.hst")
        subprocess.run(["g++", "-g", "-O2", "-o", program, source], check=True)
        subprocess.run([os.path.join(BUILD, "src/cli/heapstrata"), "record", "-o", trace, "--",
                        program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        walk_program(steps, folder, trace, source)
        walk_allocators(steps, folder, trace)
        walk_empty(steps, folder, trace)
        walk_first_rows(steps, folder)
        walk_recursion(steps, folder, os.path.join(HERE, "..", "symbols", "subject.c"))
        walk_elsewhere(steps, folder, trace, source)
    steps.end()


main()
