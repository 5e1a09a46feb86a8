# SPDX-License-Identifier: GPL-3.0-or-later
"""Records programs with known allocations: the trace must say exactly what they did.

Usage: check_known.py HEAPSTRATA KNOWN SCRATCH. Each case of known.c stands here with what it does.
Blocks are told by their sizes, so that libc's own (thread descriptors, buffers) do not count.
"""
import collections
import json
import os
import signal
import subprocess
import sys

HEAPSTRATA, KNOWN, SCRATCH = sys.argv[1:4]


def record(case):
    """The dump of the recorded case as dictionaries, and the exit status."""
    trace = os.path.join(SCRATCH, f"known-{case}.etl")
    done = subprocess.run([HEAPSTRATA, "record", "-o", trace, "--", KNOWN, case],
                          capture_output=True, text=True, timeout=120)
    dump = subprocess.run([HEAPSTRATA, "dump", "--json", "--limit=0", trace],
                          capture_output=True, text=True, timeout=120)
    assert dump.returncode == 0, dump.stderr
    summary = subprocess.run([HEAPSTRATA, "summary", "--json", trace],
                             capture_output=True, text=True, timeout=120)
    events = [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]
    return events, done.returncode, json.loads(summary.stdout)


def sizes(events):
    """How often each size was allocated by malloc's family (realloc's blocks too)."""
    seen = collections.Counter()
    for event in events:
        if event["kind"] == "alloc" or (event["kind"] == "realloc"
                                        and event["address"] == event["old_address"]):
            seen[event["size"]] += 1
    return seen


FAILURES = []
N_CHECKS = 0


def check(case, what, is_right, found):
    global N_CHECKS
    N_CHECKS += 1
    if not is_right:
        FAILURES.append(f"{case}: {what}: {found}")


def check_sizes(case, events, expected):
    seen = sizes(events)
    for size, count in expected.items():
        check(case, f"{count} blocks of {size} bytes", seen[size] == count, seen[size])


def check_totals(case, summary, **expected):
    for name, value in expected.items():
        check(case, f"{name} = {value}", summary["totals"][name] == value, summary["totals"][name])


def family():
    events, status, summary = record("family")
    check_sizes("family", events, {11: 1, 21: 1, 13: 1, 20: 1, 100: 1, 128: 1, 33: 1, 41: 1, 43: 1,
                                   17: 1, 0: 1})
    check_totals("family", summary, opened=11, frees=1, outstanding_count=10,
                 outstanding_bytes=11 + 21 + 13 + 20 + 100 + 128 + 33 + 41 + 43)
    check("family", "exit status", status == 0, status)


def resize():
    events, _, summary = record("resize")
    seen = sizes(events)
    check("resize", "every size once", all(seen[n] == 1 for n in range(100, 1001)), seen)
    check_totals("resize", summary, reallocs=900, realloc_standalone=0, unmatched_frees=0,
                 duplicate_allocs=0, outstanding_count=1, outstanding_bytes=1)


def threads(case, count):
    events, _, summary = record(case)
    check_sizes(case, events, {5000: count, 1000: count, 7: count})
    ids = {event["thread"] for event in events if event["kind"] == "alloc"
           and event["size"] == 5000}
    check(case, f"{count} threads", len(ids) == count, len(ids))
    check_totals(case, summary, unmatched_frees=0, duplicate_allocs=0)
    check(case, "nothing lost", not any(event["kind"] == "lost" for event in events), "lost")


def simple(case, expected, wanted_status=0):
    events, status, summary = record(case)
    check_sizes(case, events, expected)
    check_totals(case, summary, unmatched_frees=0, duplicate_allocs=0)
    check(case, "exit status", status == wanted_status, status)


def deep():
    events, _, summary = record("deep")
    check_sizes("deep", events, {31: 1})
    depth = max(len(stack["frames"]) for process in summary["processes"]
                for stack in process.get("stacks", []))
    check("deep", "the leaf's 500 frames", depth >= 500, depth)


def main():
    family()
    resize()
    threads("threads", 8)
    threads("many-threads", 200)
    simple("nothing", {11: 0})
    simple("fork", {21: 1, 1000000: 0})
    simple("vfork", {22: 1})
    deep()
    simple("coroutine", {51: 10, 52: 10})
    simple("jumps", {61: 600})
    simple("signals", {71: 20})
    simple("crash", {81: 1}, 128 + signal.SIGSEGV)
    simple("exit-at-once", {91: 1}, 7)
    for failure in FAILURES:
        print(failure)
    print(f"{N_CHECKS - len(FAILURES)} passed, {len(FAILURES)} failed")
    sys.exit(1 if FAILURES else 0)


main()
