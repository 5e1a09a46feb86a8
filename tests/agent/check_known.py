# SPDX-License-Identifier: GPL-3.0-or-later
"""Records programs with known allocations: the trace must say exactly what they did.

Usage: check_known.py HEAPSTRATA SCRATCH KNOWN [KNOWN_CPP KNOWN_OWN]. Each case of known.c and
known_cpp.cc (KNOWN_OWN: with its own operators) stands here with what it does.
Blocks are told by their sizes, so that libc's own (thread descriptors, buffers) do not count.
"""
import collections
import json
import os
import signal
import subprocess
import sys

HEAPSTRATA, SCRATCH, KNOWN = sys.argv[1:4]
CPP, OWN = sys.argv[4:6] if len(sys.argv) > 5 else (None, None)


def record(case, program=KNOWN):
    """The dump of the recorded case as dictionaries, and the exit status."""
    trace = os.path.join(SCRATCH, f"known-{case}.etl")
    done = subprocess.run([HEAPSTRATA, "record", "-o", trace, "--", program, case],
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


def check_calls(case, events, expected):
    """That each size was born by the function, with the alignment, and ended by the function that
    stand for it."""
    births = {}
    for event in events:
        if event["kind"] == "alloc":
            births[event["address"]] = event["size"]
            wanted = expected.get(event["size"])
            if wanted:
                found = (event.get("call"), event.get("alignment", 0))
                check(case, f"{event['size']} bytes came from {wanted[:2]}", found == wanted[:2],
                      found)
        elif event["kind"] == "free":
            wanted = expected.get(births.get(event["address"]))
            if wanted:
                check(case, f"what {wanted[0]} gave went by {wanted[2]}",
                      event.get("call") == wanted[2], event.get("call"))


def family():
    events, status, summary = record("family")
    check_calls("family", events, {
        11: ("malloc", 0, None), 21: ("calloc", 0, None), 13: ("realloc", 0, None),
        20: ("realloc", 0, None), 100: ("memalign", 64, None), 128: ("memalign", 64, None),
        33: ("memalign", 32, None), 41: ("memalign", 4096, None), 43: ("memalign", 4096, None),
        17: ("malloc", 0, "free")})
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


def n_mismatched(case):
    """How many frees by the wrong function the findings of the recorded case count."""
    done = subprocess.run([HEAPSTRATA, "findings", "--json",
                           os.path.join(SCRATCH, f"known-{case}.etl")],
                          capture_output=True, text=True, timeout=120)
    rows = json.loads(done.stdout)["findings"]
    return sum(row["count"] for row in rows if row["kind"] == "mismatched-free")


def forms():
    events, _, summary = record("forms", CPP)
    calls = {size: ("new", 64 if size in (103, 104) else 0, None) for size in range(101, 105)}
    calls |= {size: ("new[]", 64 if size > 106 else 0, None) for size in range(105, 109)}
    calls |= {size: ("new", 64 if size > 113 else 0, "delete") for size in range(111, 117)}
    calls |= {size: ("new[]", 64 if size > 123 else 0, "delete[]") for size in range(121, 127)}
    check_sizes("forms", events, {size: 1 for size in calls})
    check_calls("forms", events, calls)
    check_totals("forms", summary, opened=20, frees=12, unmatched_frees=0, duplicate_allocs=0,
                 outstanding_bytes=sum(range(101, 109)))
    check("forms", "no wrong pair", n_mismatched("forms") == 0, n_mismatched("forms"))


def wrong_pairs():
    _, _, summary = record("wrong-pairs", CPP)
    check_totals("wrong-pairs", summary, opened=7, unmatched_frees=0, outstanding_count=0)
    check("wrong-pairs", "five found", n_mismatched("wrong-pairs") == 5,
          n_mismatched("wrong-pairs"))


def exceptions():
    events, status, summary = record("exceptions", CPP)
    check_sizes("exceptions", events, {1011: 250, 301: 50, 302: 50, 303: 50, 304: 50})
    # the runtime's own block for each exception in flight: 300 bytes, and 3 times a bad_alloc
    check_totals("exceptions", summary, opened=250 + 200 + 200, unmatched_frees=0,
                 duplicate_allocs=0, outstanding_count=200)
    check("exceptions", "exit status", status == 0, status)


def handler():
    events, status, summary = record("handler", CPP)
    check_sizes("handler", events, {401: 1, 402: 1, 403: 1})
    check_totals("handler", summary, opened=4, frees=2, unmatched_frees=0, outstanding_count=2)
    check("handler", "exit status", status == 0, status)


def own():
    events, status, summary = record("own", OWN)
    check_sizes("own", events, {501: 10, 502: 1, 503: 1, 601: 1})
    check_totals("own", summary, unmatched_frees=0, duplicate_allocs=0)
    check("own", "no wrong pair", n_mismatched("own") == 0, n_mismatched("own"))
    check("own", "its own operators were called", status == 0, status)


def cpp():
    forms()
    wrong_pairs()
    exceptions()
    handler()
    own()


def main():
    family()
    if CPP:
        cpp()
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
