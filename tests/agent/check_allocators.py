# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs with known allocations and another allocator than libc's, preloaded or linked.

Usage: check_allocators.py HEAPSTRATA SCRATCH KNOWN KNOWN_CPP|none [LINKED…]. Preloading is done by
env(1) in the recorded process: the agent must stay in front of what a program puts there.
"""
import collections
import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, SCRATCH, KNOWN, CPP = sys.argv[1:5]
LINKED = sys.argv[5:]
RESULTS = Results()
LIBRARIES = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libmimalloc.so.2"]
# What each case allocates (known.c, known_cpp.cc): how often each size.
CASES = {
    "family": {11: 1, 21: 1, 13: 1, 20: 1, 100: 1, 128: 1, 33: 1, 41: 1, 43: 1, 17: 1},
    "resize": {size: 1 for size in range(100, 1001)},
    "threads": {5000: 8, 1000: 8, 7: 8},
    "coroutine": {51: 10, 52: 10},
    "signals": {71: 20},
    "errors": {1201: 1, 1202: 1, 1203: 1},
}
CPP_CASES = {
    "forms": {size: 1 for size in [*range(101, 109), *range(111, 117), *range(121, 127)]},
    "exceptions": {1011: 250, 301: 50, 302: 50, 303: 50, 304: 50},
}


def record(name, command):
    """The dumped events of the last program that ran, its totals, and the exit status."""
    trace = os.path.join(SCRATCH, f"allocators-{name}.hst")
    if os.path.exists(trace):
        os.unlink(trace)
    done = subprocess.run([HEAPSTRATA, "record", "--follow", "-o", trace, "--"] + command,
                          capture_output=True, timeout=120, check=False)
    dump = subprocess.run([HEAPSTRATA, "dump", "--json", "--limit=0", trace], capture_output=True,
                          text=True, timeout=120, check=True)
    summary = subprocess.run([HEAPSTRATA, "summary", "--json", trace], capture_output=True,
                             text=True, timeout=120, check=True)
    totals = json.loads(summary.stdout)["processes"][-1]
    events = [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]
    return ([event for event in events if event.get("process") == totals["instance"]], totals,
            done.returncode)


def count_sizes(events):
    return collections.Counter(
        event["size"] for event in events if event["kind"] == "alloc"
        or (event["kind"] == "realloc" and event["address"] == event["old_address"]))


def count_own_sizes(label, program):
    """What the allocator itself allocates at its start: `program` is told to do nothing."""
    return count_sizes(record(label.replace(" ", "-"), program + ["nothing"])[0])


def check(label, command, expected, own):
    native = subprocess.run(command, capture_output=True, timeout=120, check=False).returncode
    events, totals, status = record(label.replace(" ", "-"), command)
    RESULTS.check(f"{label}: nothing lost, exit status as without us",
                  status == (native if native >= 0 else 128 - native)
                  and not any(event["kind"] == "lost" for event in events), (native, status))
    if native != 0:  # mimalloc sets errno where others do not, and aborts where others throw
        return
    sizes = count_sizes(events) - own
    wrong = {size: sizes[size] for size, count in expected.items() if sizes[size] != count}
    RESULTS.check(f"{label}: every block once", not wrong, wrong)
    RESULTS.check(f"{label}: nothing unknown freed or allocated twice",
                  totals["unmatched_frees"] == 0 and totals["duplicate_allocs"] == 0, totals)


def main():
    for library in LIBRARIES:
        path = next(iter(glob.glob("/usr/lib/*/" + library)), None)
        if path is None:
            RESULTS.skip(library, "not installed")
            continue
        preload = ["/usr/bin/env", "LD_PRELOAD=" + path]
        own = count_own_sizes(library, preload + [KNOWN])
        for case, expected in CASES.items():
            check(f"{library} preloaded, {case}", preload + [KNOWN, case], expected, own)
        for case, expected in CPP_CASES.items() if CPP != "none" else ():
            check(f"{library} preloaded, {case}", preload + [CPP, case], expected, own)
    for program in LINKED:
        own = count_own_sizes(os.path.basename(program), [program])
        for case, expected in CASES.items():
            check(f"{os.path.basename(program)} linked, {case}", [program, case], expected, own)
    sys.exit(RESULTS.end())


main()
