#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw files of heaptrack tell paths of modules and no build ids: their names come from what lies
there, with a word of caution. They are those that heaptrack_interpret gives the same file."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import check_names as oracle

HERE = os.path.dirname(os.path.abspath(__file__))
INTERPRET = "/usr/lib/heaptrack/libexec/heaptrack_interpret"
CAUTION = "build unknown: "

results = oracle.results


def answer(program, command, trace, *options):
    return json.loads(oracle.run(program, command, "--json", *options, trace))


def functions(program, trace, name):
    """Bytes and blocks of the functions of the program itself, by name."""
    rows = answer(program, "tree", trace, "--functions", "--limit", "0", "--metric", "total",
                  "--show-allocator-frames")["functions"]
    return {oracle.plain(row["label"]): (row["inclusive"]["total_bytes"],
                                         row["inclusive"]["total_count"])
            for row in rows if row["module"] == name}


def check_raw(program, folder, subject):
    interpreted = os.path.join(folder, "interpreted")
    oracle.run("heaptrack", "-r", "-o", os.path.join(folder, "raw"), subject)
    raw = glob.glob(os.path.join(folder, "raw*"))[0]  # packed by what heaptrack finds
    unpacker = "zstd" if raw.endswith(".zst") else "gzip"
    with open(interpreted, "wb") as file, \
            subprocess.Popen([unpacker, "-dc", raw], stdout=subprocess.PIPE) as unpack:
        subprocess.run([INTERPRET], stdin=unpack.stdout, stdout=file, check=True,
                       stderr=subprocess.DEVNULL)
    mine, theirs = (functions(program, trace, "program") for trace in (raw, interpreted))
    both = set(mine) & set(theirs)
    different = [(name, mine[name], theirs[name]) for name in both if mine[name] != theirs[name]]
    results.check("a raw file: %d functions, each with heaptrack_interpret's bytes and blocks" %
                  len(mine), len(mine) > 10 and not different, different[:3])
    results.check("a raw file: heaptrack_interpret knows the same functions",
                  set(mine) == set(theirs), sorted(set(mine) ^ set(theirs))[:5])
    row = next(m for m in answer(program, "modules", raw)["modules"] if m["path"] == subject)
    results.check("a raw file: lines, and a word of caution",
                  (row["symbols"], row["build_id"], row["symbols_detail"]) ==
                  ("lines", "", CAUTION + subject), row)
    results.check("a raw file: the table says it, too", re.search(
        r"functions and lines +unknown +%s$" % re.escape(subject),
        oracle.run(program, "modules", raw), re.M))
    os.rename(subject, subject + ".away")
    row = next(m for m in answer(program, "modules", raw)["modules"] if m["path"] == subject)
    results.check("a raw file without its program: no names of it",
                  row["symbols"] == "no-file" and row["named_frames"] == 0, row)


def main():
    if not shutil.which("heaptrack") or not shutil.which("g++") or not os.path.exists(INTERPRET):
        print("1..0 # SKIP heaptrack or g++ is not installed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        subject = os.path.join(folder, "program")
        subprocess.run(["g++", "-g", "-O2", "-o", subject, os.path.join(HERE, "subject.cc")],
                       check=True)
        check_raw(os.path.abspath(sys.argv[1]), folder, subject)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
