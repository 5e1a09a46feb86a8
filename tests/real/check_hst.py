#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The .hst stream on real traces: converted, a trace has the numbers it had, and goes on to the
same ETL byte for byte. A reader written from FORMAT.md alone counts the same events.

Usage: check_hst.py HEAPSTRATA. Exit status 77 where ../shared/data is absent.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
from hst_reader import read_hst  # noqa: E402

SHARED = os.environ.get("HEAPSTRATA_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")
# what speaks of the file itself
OF_THE_FILE = {"file", "format", "bytes", "packing", "files"}


def run(*args):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 and not done.stdout:  # 1 with an answer: the input is damaged
        raise SystemExit("%s: exit status %d: %s" % (" ".join(args), done.returncode,
                                                     done.stderr.decode()))
    return done.stdout


def summary(program, path):
    return json.loads(run(program, "summary", "--json", path))


def differences(left, right, at=""):
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(set(left) | set(right)):
            if at or key not in OF_THE_FILE:
                yield from differences(left.get(key), right.get(key), at + "." + key)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right)):
            yield from differences(one, other, "%s[%d]" % (at, number))
    elif left != right:
        yield "%s: %.60r | %.60r" % (at[1:], left, right)


def is_equal(one, other):
    with open(one, "rb") as left, open(other, "rb") as right:
        return left.read() == right.read()


def check_index(program, hst):
    """What differs when the trace is opened by its closing index, or in what the index says."""
    whole = summary(program, hst)
    run(program, "index", hst)
    found = list(differences(whole, summary(program, hst), "by index"))
    index = read_hst(hst)["index"]
    for name, key in (("outstanding_count", "outstanding"),
                      ("outstanding_bytes", "outstanding_bytes")):
        told = sum(process[name] for process in whole["processes"])
        if told != index[key]:
            found.append("the index has %s %d, the summary says %d" % (key, index[key], told))
    return found


def check(program, path, folder):
    """The differences found, and how many bytes an event takes."""
    hst = os.path.join(folder, "x.hst")
    straight, around = os.path.join(folder, "1", "x.etl"), os.path.join(folder, "2", "x.etl")
    report = json.loads(run(program, "convert", "--force", "--json", path, hst))
    found = list(differences(summary(program, path), summary(program, hst)))
    run(program, "convert", "--force", path, straight)
    run(program, "convert", "--force", hst, around)
    if not is_equal(straight, around):
        found.append("the ETL made of the .hst is not the one made of the file itself")
    counts = read_hst(hst)
    if counts["block_events"] != counts["footer_block_events"]:
        found.append("the second reader counts %(block_events)d heap events, the footer says "
                     "%(footer_block_events)d" % counts)
    if counts["block_events"] != report["block_events"]:
        found.append("the second reader counts %d heap events, the encoder wrote %d" %
                     (counts["block_events"], report["block_events"]))
    n_bytes = os.path.getsize(hst)
    found += check_index(program, hst)
    return found, n_bytes, counts["block_events"]


def main():
    program = os.path.abspath(sys.argv[1])
    data = os.path.join(SHARED, "data")
    paths = sorted(glob.glob(os.path.join(data, "etl-heap", "*.etl")))
    paths += sorted(glob.glob(os.path.join(data, "heaptrack", "heaptrack.*.[gz]*")))
    n_failed = 0

    if not paths:
        print("SKIP: %s is not there" % data)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "1"))
        os.mkdir(os.path.join(folder, "2"))
        for path in paths:
            found, n_bytes, n_events = check(program, path, folder)
            print("%s %-45s %9d B %8d heap events %6.2f B/event" %
                  ("not ok" if found else "ok    ", os.path.basename(path), n_bytes, n_events,
                   n_bytes / max(1, n_events)))
            for line in found[:10]:
                print("    " + line)
            n_failed += bool(found)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
