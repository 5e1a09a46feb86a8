# SPDX-License-Identifier: GPL-3.0-or-later
"""Who frees it: trees and lists by the call stacks of frees, of a program whose makers and enders
are known (freers.c).

Usage: check_frees.py HEAPSTRATA FREERS SCRATCH
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, FREERS, SCRATCH = [os.path.abspath(argument) for argument in sys.argv[1:4]]
results = Results()
check = results.check


def run(*arguments):
    return subprocess.run([HEAPSTRATA, *arguments], capture_output=True, text=True, timeout=120,
                          check=False)


def counts(path, size, *options):
    """Blocks of one size by the innermost function of the rows."""
    done = run("tree", "--json", "--bottom-up", "--depth", "1", "--size", f"{size}..{size}",
               *options, path)
    return {row["label"]: row["inclusive"]["total_count"]
            for row in json.loads(done.stdout)["rows"]}


def sums(path):
    for name, size, makers, enders in (
            ("of maker_one", 100, {"maker_one": 10},
             {"ender_one": 7, "ender_two": 2, "(not freed)": 1}),
            ("of maker_two", 200, {"maker_two": 6},
             {"ender_one": 1, "ender_two": 2, "(not freed)": 3}),
            ("that were resized", 400000, {"grower": 1}, {"grower": 1})):
        label = f"{os.path.basename(path)}: blocks {name}"
        check(f"{label}, by who allocated", counts(path, size) == makers, counts(path, size))
        found = counts(path, size, "--by", "free")
        check(f"{label}, by who freed", found == enders, found)
    found = counts(path, 300, "--by", "free")
    check(f"{os.path.basename(path)}: a block that moved was freed by who resized it",
          found == {"grower": 2}, found)


def totals(path):
    """The same blocks, whichever way they are put under functions."""
    name = os.path.basename(path)
    both = [json.loads(run("tree", "--json", "--by", by, path).stdout) for by in ("alloc", "free")]
    check(f"{name}: the same totals", both[0]["total"] == both[1]["total"] and
          [tree["by"] for tree in both] == ["alloc", "free"], [tree["total"] for tree in both])
    rows = both[1]["rows"]
    tops = [row for row in rows if row["parent"] is None]
    check(f"{name}: rows are the sum of their parts", sum(
        row["inclusive"]["total_bytes"] for row in tops) == both[1]["total"]["total_bytes"])
    for row in tops:
        if row["label"] == "(not freed)":
            sums_ = row["inclusive"]
            check(f"{name}: what is not freed is what is outstanding",
                  sums_["outstanding_bytes"] == sums_["total_bytes"] ==
                  both[1]["total"]["outstanding_bytes"], sums_)
    functions = json.loads(run("tree", "--json", "--functions", "--by", "free", path).stdout)
    ender = [row for row in functions["functions"] if row["label"] == "ender_one"]
    check(f"{name}: a list of functions", len(ender) == 1 and
          ender[0]["exclusive"]["total_bytes"] == 900, ender)


def main():
    for extension in ("hst", "etl"):
        path = os.path.join(SCRATCH, f"frees.{extension}")
        other = os.path.join(SCRATCH, "frees-of-%s.%s" % (
            extension, "etl" if extension == "hst" else "hst"))
        done = run("record", "--free-stacks", "-o", path, "--", FREERS)
        check(f"{extension}: exit status", done.returncode == 0, done.stderr)
        sums(path)
        totals(path)
        if os.path.exists(other):
            os.unlink(other)
        check(f"{extension}: converted", run("convert", path, other).returncode == 0)
        sums(other)
        totals(other)
    without = os.path.join(SCRATCH, "frees-without.hst")
    run("record", "-o", without, "--", FREERS)
    done = run("tree", "--by", "free", without)
    check("without them: told", done.returncode == 1 and "--free-stacks" in done.stderr,
          done.stderr)
    check("by nonsense", run("tree", "--by", "me", without).returncode == 2)
    done = run("index", os.path.join(SCRATCH, "frees.hst"))
    check("no index of stacks of frees, which says so", done.returncode == 1 and
          "read in full" in done.stderr, done.stderr)
    check("and the recording is as it was", counts(os.path.join(SCRATCH, "frees.hst"), 100, "--by",
                                                   "free")["ender_one"] == 7)
    return results.end()


sys.exit(main())
