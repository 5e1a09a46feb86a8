#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`heapstrata summary --json` against the truth files of ../shared/data/etl-heap, field by field.

Usage: check_etl_truth.py PROGRAM [CASE…]. Every field that a truth file names must be there and
equal, floats to 1e-8; lists of processes, heaps and stacks are sets. Skips (77) where the files are
absent. Field definitions: the README there and formats/etl.md section 13.
"""

import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("HEAPSTRATA_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
FOLDER = os.path.join(SHARED, "data", "etl-heap")

KEYS = {  # what tells the members of a list that is a set
    "processes": lambda item: (item["pid"], item["instance"]),
    "heaps": lambda item: (item["heap"], item["instance"]),
    "stacks": lambda item: tuple(item["frames"]),
}


def compare_sets(name, truth, found, is_complete):
    key = KEYS[name.rsplit(".", 1)[-1]]
    wanted = {key(item): item for item in truth}
    there = {key(item): item for item in found}
    if len(there) != len(found):
        yield "%s: some members are there twice" % name
    for which in wanted:
        if which not in there:
            yield "%s: %s is missing" % (name, str(which)[:200])
        else:
            yield from compare("%s[%s]" % (name, str(which)[:60]), wanted[which], there[which])
    if is_complete:
        for which in there:
            if which not in wanted:
                yield "%s: %s is too many" % (name, str(which)[:200])


def compare(name, truth, found):
    """Sentences about what was found otherwise than the truth says."""
    if isinstance(truth, dict):
        if not isinstance(found, dict):
            yield "%s: no object" % name
            return
        for field, value in truth.items():
            path = "%s.%s" % (name, field) if name else field
            if field not in found:
                yield "%s is missing" % path
            elif field in KEYS:
                # of very many stacks a truth file lists the fifty with most bytes
                listed = len(value) >= truth.get("stack_count", 0) or field != "stacks"
                yield from compare_sets(path, value, found[field], listed)
            else:
                yield from compare(path, value, found[field])
        if name in ("records", "pool.tags") and set(found) != set(truth):
            yield "%s: %s too many" % (name, sorted(set(found) - set(truth)))
    elif isinstance(truth, list):
        if len(truth) != len(found):
            yield "%s: expected %d members, found %d" % (name, len(truth), len(found))
        for number, (one, other) in enumerate(zip(truth, found)):
            yield from compare("%s[%d]" % (name, number), one, other)
    elif isinstance(truth, float) and isinstance(found, (int, float)):
        if abs(truth - found) > 1e-8:
            yield "%s: expected %r, found %r" % (name, truth, found)
    elif truth != found or isinstance(truth, bool) != isinstance(found, bool):
        yield "%s: expected %r, found %r" % (name, truth, found)


def differences(program, path):
    with open(path[:-4] + ".truth.json", encoding="utf-8") as stream:
        truth = json.load(stream)["report"]
    result = subprocess.run([program, "summary", "--json", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=300, check=False)
    is_damaged = "issues" not in truth
    if result.returncode not in ((0, 1) if is_damaged else (0,)):
        yield "exit status %d: %s" % (result.returncode, result.stderr.decode()[-2000:])
        return
    found = json.loads(result.stdout)
    yield from compare("", truth, found)
    if is_damaged and found["issues"]["count"] < 1:
        yield "the damage was not noticed"


def main():
    program, cases = sys.argv[1], sys.argv[2:]
    paths = [os.path.join(FOLDER, case + ".etl") for case in cases]
    paths = paths or sorted(glob.glob(os.path.join(FOLDER, "*.etl")))
    n_failed = 0
    if not paths:
        print("skipped: no %s" % FOLDER)
        return 77
    for path in paths:
        sentences = list(differences(program, path))
        n_failed += 1 if sentences else 0
        for sentence in sentences[:20]:
            print("%s: %s" % (os.path.basename(path), sentence))
        if len(sentences) > 20:
            print("%s: … and %d more" % (os.path.basename(path), len(sentences) - 20))
    print("%d of %d cases are equal to their truth" % (len(paths) - n_failed, len(paths)))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
