# SPDX-License-Identifier: GPL-3.0-or-later
"""Records programs with known allocations: the trace must say exactly what they did.

Usage: check_known.py HEAPSTRATA SCRATCH KNOWN [KNOWN_CPP KNOWN_OWN KNOWN_LEFT]. Each case of
known.c, known_cpp.cc (KNOWN_OWN: with its own operators) and known_left.cc stands here with what it
does.
Blocks are told by their sizes, so that libc's own (thread descriptors, buffers) do not count.
"""
import collections
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, SCRATCH, KNOWN = sys.argv[1:4]
CPP, OWN, LEFT = sys.argv[4:7] if len(sys.argv) > 6 else (None, None, None)


def record(case, program=KNOWN, extension="etl"):
    """The dump of the recorded case as dictionaries, and the exit status."""
    trace = os.path.join(SCRATCH, f"known-{case}.{extension}")
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


results = Results()


def check(case, what, is_right, found=""):
    results.check(f"{case}: {what}", is_right, found)


def check_sizes(case, events, expected):
    seen = sizes(events)
    for size, count in expected.items():
        check(case, f"{count} blocks of {size} bytes", seen[size] == count, seen[size])


def check_totals(case, summary, base=None, **expected):
    """`base`: totals of what stands for nothing, to be taken off."""
    for name, value in expected.items():
        found = summary["totals"][name] - (base["totals"][name] if base else 0)
        check(case, f"{name} = {value}", found == value, found)


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


def simple(case, expected, wanted_status=0, others=0):
    """`others`: blocks that nobody here asked for; None where that number is libc's own affair."""
    events, status, summary = record(case)
    check_sizes(case, events, expected)
    if others is not None:
        check_totals(case, summary, opened=sum(expected.values()) + others)
    check_totals(case, summary, unmatched_frees=0, duplicate_allocs=0)
    check(case, "exit status", status == wanted_status, status)


def deep():
    events, _, summary = record("deep")
    check_sizes("deep", events, {31: 1})
    depth = max(len(stack["frames"]) for process in summary["processes"]
                for stack in process.get("stacks", []))
    check("deep", "the leaf's 500 frames", depth >= 500, depth)


def findings(case, extension="etl"):
    """The findings of the recorded case."""
    done = subprocess.run([HEAPSTRATA, "findings", "--json",
                           os.path.join(SCRATCH, f"known-{case}.{extension}")],
                          capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)["findings"]


def n_mismatched(case):
    """How many frees by the wrong function the findings of the recorded case count."""
    return sum(row["count"] for row in findings(case) if row["kind"] == "mismatched-free")


def cpp_base():
    """What C++'s library keeps for exceptions when memory is out: from before main."""
    _, _, summary = record("nothing", CPP)
    check("cpp", "no more than that", summary["totals"]["opened"] <= 1, summary["totals"])
    return summary


def forms(base):
    events, _, summary = record("forms", CPP)
    calls = {size: ("new", 64 if size in (103, 104) else 0, None) for size in range(101, 105)}
    calls |= {size: ("new[]", 64 if size > 106 else 0, None) for size in range(105, 109)}
    calls |= {size: ("new", 64 if size > 113 else 0, "delete") for size in range(111, 117)}
    calls |= {size: ("new[]", 64 if size > 123 else 0, "delete[]") for size in range(121, 127)}
    check_sizes("forms", events, {size: 1 for size in calls})
    check_calls("forms", events, calls)
    check_totals("forms", summary, base, opened=20, frees=12, unmatched_frees=0, duplicate_allocs=0,
                 outstanding_bytes=sum(range(101, 109)))
    check("forms", "no wrong pair", n_mismatched("forms") == 0, n_mismatched("forms"))


def wrong_pairs(base):
    _, _, summary = record("wrong-pairs", CPP)
    check_totals("wrong-pairs", summary, base, opened=7, unmatched_frees=0,
                 outstanding_count=0)
    check("wrong-pairs", "five found", n_mismatched("wrong-pairs") == 5,
          n_mismatched("wrong-pairs"))


def exceptions(base):
    events, status, summary = record("exceptions", CPP)
    check_sizes("exceptions", events, {1011: 250, 301: 50, 302: 50, 303: 50, 304: 50})
    # the runtime's own block for each exception in flight: 300 bytes, and 3 times a bad_alloc
    check_totals("exceptions", summary, base, opened=250 + 200 + 200, unmatched_frees=0,
                 duplicate_allocs=0, outstanding_count=200)
    check("exceptions", "exit status", status == 0, status)


def handler(base):
    events, status, summary = record("handler", CPP)
    check_sizes("handler", events, {401: 1, 402: 1, 403: 1})
    check_totals("handler", summary, base, opened=4, frees=2, unmatched_frees=0,
                 outstanding_count=2)
    check("handler", "exit status", status == 0, status)


def own():
    events, status, summary = record("own", OWN)
    check_sizes("own", events, {501: 10, 502: 1, 503: 1, 601: 1})
    check_totals("own", summary, unmatched_frees=0, duplicate_allocs=0)
    check("own", "no wrong pair", n_mismatched("own") == 0, n_mismatched("own"))
    check("own", "its own operators were called", status == 0, status)


def left(base, case, expected, n_exceptions):
    """Hooks that are left without a return, or interrupted: each block is told once."""
    events, status, summary = record(case, LEFT)
    expected = expected | {751: 1}
    check_sizes(case, events, expected)
    check_totals(case, summary, base, opened=sum(expected.values()) + n_exceptions,
                 frees=n_exceptions, unmatched_frees=0, duplicate_allocs=0)
    check(case, "exit status", status == 0, status)


def left_hooks(base):
    left(base, "thrown", {711: 50, 712: 50}, 50)
    left(base, "jumped", {721: 50, 722: 50}, 0)
    left(base, "coroutines-thrown", {731: 20, 732: 20, 733: 20}, 20)
    left(base, "coroutines-jumped", {731: 20, 732: 20, 733: 20}, 0)
    left(base, "interrupted", {703: 10, 741: 0, 742: 10}, 0)
    left(base, "interrupted-deep", {703: 10, 741: 0, 742: 10}, 0)


def cpp():
    base = cpp_base()
    forms(base)
    wrong_pairs(base)
    exceptions(base)
    handler(base)
    own()
    left_hooks(base)


def maps():
    events, status, summary = record("maps")
    size, granted = 0x30000, [e for e in events if e["kind"] == "virtual"]
    told = [(e["op"], e["size"], e["flags"]) for e in granted]
    commit, reserve, release = "0x3000", "0x2000", "0x8000"
    wanted = [("alloc", size, commit), ("alloc", size, commit), ("alloc", 16 * size, reserve),
              ("free", size, release), ("alloc", 2 * size, commit), ("free", size, release),
              ("free", size, release),
              # a mremap that fails: told again
              ("free", 1, release), ("alloc", 1, commit)]
    check("maps", "every call, in order", told == wanted, told)
    check("maps", "nothing of it is a heap block", summary["totals"]["opened"] == 0,
          summary["totals"]["opened"])
    memory = summary["processes"][-1]["virtual"]
    check("maps", "committed in the end", memory["exit_commit"] == 2 * size, memory)
    check("maps", "exit status", status == 0, status)


def reserve():
    events, status, summary = record("reserve")
    size = 0x30000
    told = [(e["op"], e["size"], e["flags"]) for e in events if e["kind"] == "virtual"]
    both, commit, reserved, decommit, release = ("0x3000", "0x1000", "0x2000", "0x4000", "0x8000")
    wanted = [("alloc", 16 * size, reserved), ("alloc", size, both), ("alloc", size, commit),
              ("alloc", 2 * size, commit), ("free", size, decommit), ("free", size, decommit),
              ("alloc", size, reserved),
              # of the file nothing; then shared memory, which becomes smaller
              ("alloc", size, both), ("free", size, release), ("alloc", size // 2, both)]
    check("reserve", "every call, in order", told == wanted, told)
    memory = summary["processes"][-1]["virtual"]
    check("reserve", "committed in the end", memory["exit_commit"] == 2 * size + size // 2, memory)
    check("reserve", "exit status", status == 0, status)


def pools():
    events, status, summary = record("pools")
    check_sizes("pools", events, {100: 10, 555: 1, 1011: 1})
    check_totals("pools", summary, opened=12, frees=4, destroy_count=1, outstanding_count=7,
                 outstanding_bytes=600 + 1011, unmatched_frees=0)
    heaps = {heap.get("name"): heap for heap in summary["processes"][-1]["heaps"]}
    check("pools", "named heaps", {"bytes", "other", None} <= set(heaps), list(heaps))
    check("pools", "the pool's own blocks", heaps.get("bytes", {}).get("outstanding_count") == 6,
          heaps.get("bytes"))
    check("pools", "other has ended", heaps.get("other", {}).get("destroyed") is not None,
          heaps.get("other"))
    marks = [event["text"] for event in events if event["kind"] == "mark"]
    check("pools", "marks", marks == ["pools begin", "pools end"], marks)
    check("pools", "exit status", status == 0, status)


def locked_in():
    """Programs that lock themselves in live as without us; what was not seen is said."""
    for case, is_unseen in (("strict", True), ("no-tsc", True), ("refused", False)):
        events, status, _ = record(case, extension="hst")
        check(case, "exit status", status == 0, status)
        check_sizes(case, events, {1101: 1, 1102: 0 if is_unseen else 1})
        notes = sum(row["count"] for row in findings(case, "hst") if row["kind"] == "unseen")
        check(case, "said so", notes == is_unseen, notes)
        gaps = sum(event["kind"] == "gap" for event in events)
        check(case, "a gap, to the end or while it was refused", gaps == 1, gaps)
    for case in ("filter", "filter-by-syscall"):
        simple(case, {1101: 1, 1102: 1, 51: 10, 52: 10})


def without_counter():
    """Where the counter cannot be trusted, the system's clock is asked. "no-tsc" makes reading the
    counter a SIGSEGV: nobody does."""
    os.environ["HEAPSTRATA_CLOCK"] = "monotonic"
    for case, expected in (("family", {11: 1, 21: 1, 17: 1}), ("threads", {5000: 8, 1000: 8}),
                           ("no-tsc", {1101: 1, 1102: 1}), ("strict", {1101: 1, 1102: 0}),
                           ("filter", {1101: 1, 1102: 0})):
        events, status, summary = record(case, extension="slow.hst")
        label = case + " without the counter"
        check_sizes(label, events, expected)
        check_totals(label, summary, unmatched_frees=0, duplicate_allocs=0)
        check(label, "exit status", status == 0, status)
        said = [row["kind"] for row in findings(case, "slow.hst") if row["kind"] == "unseen"]
        check(label, "said what was not seen", len(said) == (case in ("strict", "filter")), said)
        times = [event["time"] for event in events if event["kind"] in ("alloc", "free")]
        check(label, "in order, in less than a minute",
              times == sorted(times) and times[-1] < 60 * 10 ** 9, times[:20])
    del os.environ["HEAPSTRATA_CLOCK"]


def harmless():
    simple("in-libc", {1801: 1, 1701: 1}, others=None)
    simple("errors", {1201: 1, 1202: 1, 1203: 1})
    simple("small-stacks", {1301: 20}, others=None)
    simple("signal-stack", {71: 20}, others=1)
    simple("thread-exit", {1401: 30, 1402: 30}, others=None)
    simple("exec", {1501: 1, 1502: 1})
    simple("daemon", {1601: 1, 1602: 0})
    simple("many-forks", {1701: 100, 1702: 0})
    simple("libraries", {1801: 1}, others=None)


def storms():
    _, _, summary = record("storm")
    check_totals("storm", summary, opened=20000, unmatched_frees=0, duplicate_allocs=0,
                 outstanding_count=0)
    events, status, summary = record("storm-of-threads")
    seen = sum(count for size, count in sizes(events).items() if size >= 10000)
    check("storm-of-threads", "20,000 blocks of the threads", seen == 20000, seen)
    check_totals("storm-of-threads", summary, unmatched_frees=0, duplicate_allocs=0)
    # what is left is libc's, for its threads
    check("storm-of-threads", "all freed", summary["totals"]["outstanding_bytes"] < 10000,
          summary["totals"])
    check("storm-of-threads", "exit status", status == 0, status)


def timers():
    """Each time the handler ran, no less and no more."""
    events, status, summary = record("timers")
    seen = sizes(events)
    check("timers", "as often as it ran", seen[72] == seen[73] >= 50, (seen[72], seen[73]))
    check_totals("timers", summary, opened=2 * seen[73], frees=0, unmatched_frees=0,
                 duplicate_allocs=0)
    check("timers", "exit status", status == 0, status)


def main():
    family()
    maps()
    reserve()
    pools()
    locked_in()
    without_counter()
    harmless()
    storms()
    timers()
    if CPP:
        cpp()
    resize()
    threads("threads", 8)
    threads("many-threads", 200)
    simple("nothing", {11: 0})
    simple("fork", {21: 1, 1000000: 0})
    simple("vfork", {22: 1, 23: 1, 24: 1})
    deep()
    simple("coroutine", {51: 10, 52: 10})
    simple("jumps", {61: 600})
    simple("signals", {71: 20})
    simple("crash", {81: 1}, 128 + signal.SIGSEGV)
    simple("exit-at-once", {91: 1}, 7)
    sys.exit(results.end())


main()
