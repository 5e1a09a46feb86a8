# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the finished agent: what must not be in an object that lives in other people's programs.

Usage: check_object.py AGENT HOOKED_H. No needed library (a missing one kills the program), no
versioned reference (so does a missing version), nothing undefined that is not weak, one word of
static TLS at most, no TLS destructor and no key; and every function of the table is there.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

AGENT, TABLE = sys.argv[1:3]
# by which programs follow each other: no allocation, so not in the table
FOLLOWING = {"fork", "execve", "execvpe", "execvp", "execv", "posix_spawnp", "posix_spawn",
             "fexecve", "execl", "execlp", "execle"}
results = Results()
check = results.check


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, AGENT], capture_output=True, text=True,
                          check=True).stdout


def main():
    dynamic = readelf("-d")
    check("no needed library", "(NEEDED)" not in dynamic, dynamic)
    check("no versions needed", "(VERNEED)" not in dynamic, dynamic)
    check("nothing that runs at exit", "(FINI_ARRAY)" not in dynamic, dynamic)
    symbols = [line.split() for line in readelf("--dyn-syms").splitlines()
               if re.match(r" *\d+:", line)]
    undefined = [row for row in symbols if row[6] == "UND" and len(row) > 7]
    check("only weak references", all(row[4] == "WEAK" for row in undefined), undefined)
    names = {row[7] for row in undefined}
    check("four of them", names <= {"dlsym", "dladdr1", "_dl_find_object",
                                    "__cxa_allocate_exception"}, names)
    check("no version on any", not any("@" in row[7] for row in symbols if len(row) > 7), symbols)
    tls = [line for line in readelf("-l").splitlines() if line.split()[:1] == ["TLS"]]
    check("a word of TLS at most", all(int(line.split()[5], 16) <= 8 for line in tls), tls)
    exported = {row[7] for row in symbols if row[6] != "UND" and row[3] == "FUNC"}
    with open(TABLE, encoding="utf-8") as file:
        wanted = set(re.findall(r"^    X \((\w+),", file.read(), re.M))
    check("the table is not empty", len(wanted) > 40, len(wanted))
    check("every hook is exported", wanted <= exported, wanted - exported)
    allowed = wanted | FOLLOWING
    check("and nothing else", exported <= allowed, exported - allowed)
    sys.exit(results.end())


main()
