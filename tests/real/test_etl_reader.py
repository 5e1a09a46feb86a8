#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second ETL reader must itself be right: against the truth files of ../shared/data/etl-heap,
which an independent program wrote. Skips (77) where they are absent."""

import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import etl_blocks  # noqa: E402
import etl_reader  # noqa: E402

SHARED = os.environ.get("HEAPSTRATA_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))

VECTORS = (  # formats/etl.md 2.1
    (bytes.fromhex("3f000000") + b"abcdefghijklmnopqrstuvwxyz", b"abcdefghijklmnopqrstuvwxyz"),
    (bytes.fromhex("ffffff1f61626317000fff2601"), b"abc" * 100))


def differences(path):
    """Sentences about what the reader says otherwise than the truth file."""
    with open(path[:-4] + ".truth.json", encoding="utf-8") as stream:
        truth = json.load(stream)["report"]
    trace = etl_reader.read(path)
    sums = etl_blocks.totals(trace)
    report = sums.report()
    parts, unresolved = etl_reader.resolve_stacks(trace.records)
    with_stack = sum(
        1 for record in trace.records if record.group == 0x10 and record.opcode in (0x21, 0x22) and
        (record.stack or parts.get((record.time, record.pid, record.tid))))
    pairs = [("header." + name, value, trace.header.get(name))
             for name, value in truth["header"].items()]
    pairs += [("records", truth["records"], trace.counts()), ("unresolved keys", 0, unresolved),
              ("with_stack", truth["stack_correlation"]["with_stack"], with_stack)]
    pairs += [("totals." + name, value, report[name])
              for name, value in truth["totals"].items() if name != "peak_time"]
    if truth["totals"]["peak_time"] is not None:
        pairs.append(("totals.peak_time", round(truth["totals"]["peak_time"], 8),
                      round(trace.seconds(sums.peak_time), 8)))
    if "buffers" in truth:
        pairs.append(("buffers", truth["buffers"]["present"], len(trace.buffers)))
    if "issues" in truth:
        pairs.append(("problems", truth["issues"]["count"], len(trace.problems)))
    elif not trace.problems:
        yield "damage was not noticed"
    for name, expected, found in pairs:
        if expected != found:
            yield "%s: expected %s, read %s" % (name, expected, found)


def main():
    failed = False
    for packed, plain in VECTORS:
        if etl_reader.xpress(packed, len(plain)) != plain:
            print("XPRESS vector of %d bytes does not unpack" % len(plain))
            failed = True
    paths = sorted(glob.glob(os.path.join(SHARED, "data", "etl-heap", "*.etl")))
    if not paths:
        print("skipped: no %s/data/etl-heap" % SHARED)
        return 1 if failed else 77
    for path in paths:
        for sentence in differences(path):
            print("%s: %s" % (os.path.basename(path), sentence))
            failed = True
    print("%d files compared" % len(paths))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
