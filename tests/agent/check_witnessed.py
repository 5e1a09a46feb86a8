# SPDX-License-Identifier: GPL-3.0-or-later
"""Exactly what happened, and nothing more: a recording against what reached libc in the same run.

Usage: check_witnessed.py HEAPSTRATA SCRATCH WITNESS.SO KNOWN [KNOWN_CPP KNOWN_LEFT]. The witness is
preloaded behind the agent and writes down every call that comes to libc's allocator, libc's own
ones too. Each block that was born, ended or resized must stand in the trace as often, with its
address and size, and nothing else; of programs with one thread also in the same order.
"""
import collections
import concurrent.futures
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, SCRATCH, WITNESS, KNOWN = (os.path.abspath(path) for path in sys.argv[1:5])
CPP, LEFT = sys.argv[5:7] if len(sys.argv) > 6 else (None, None)
RESULTS = Results()
HEAD, ENTRY = 32, struct.Struct("<IIQQQ")
HEAP = int.from_bytes(b"malloc", "big")  # the one of malloc's family
CASES = ["family", "in-libc", "resize", "threads", "many-threads", "fork", "vfork", "exec",
         "thread-exit", "libraries", "storm", "storm-of-threads", "signals", "timers",
         "signal-stack", "jumps", "coroutine", "deep", "small-stacks", "crash", "exit-at-once",
         "daemon", "many-forks", "errors", "pools", "nothing"]
CPP_CASES = ["forms", "wrong-pairs", "exceptions", "handler"]
# not "interrupted": what a handler allocates in the midst of an operator new counts as that one's
LEFT_CASES = ["thrown", "jumped", "coroutines-thrown", "coroutines-jumped"]
PYTHON = """
import json, sqlite3, subprocess, threading
def work():
    base = sqlite3.connect(":memory:")
    base.execute("create table t (a, b)")
    base.executemany("insert into t values (?, ?)", [(i, "x" * i) for i in range(300)])
    json.dumps(base.execute("select sum(a), max(b) from t").fetchall())
threads = [threading.Thread(target=work) for i in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
subprocess.run(["/bin/true"])
"""


def witnessed(path, pid):
    """(steps, whether there was one thread) of a process."""
    steps, threads = [], set()
    with open(path, "rb") as file:
        n = struct.unpack("<Q", file.read(8))[0]
        file.seek(HEAD)
        data = file.read(n * ENTRY.size)
    for owner, thread, old, address, size in ENTRY.iter_unpack(data):
        if owner != pid:
            continue
        threads.add(thread)
        if old == 0:
            steps.append(("born", address, size))
        elif address == old:
            steps.append(("resized", address, size))
        else:  # moved, or ended
            steps += [("born", address, size)] if address else []
            steps.append(("ended", old))
    return steps, len(threads) == 1


def recorded(path, instances):
    """The steps of the trace, and what operator new was asked to align."""
    done = subprocess.run([HEAPSTRATA, "dump", "--json", "--limit=0", path], text=True,
                          stdout=subprocess.PIPE, timeout=120, check=True)
    steps, aligned = [], {}
    for line in done.stdout.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("process") not in instances or int(event.get("heap", "0"), 16) != HEAP:
            continue
        if event["kind"] not in ("alloc", "free", "realloc"):
            continue
        address, size = int(event["address"], 16), event.get("size")
        if event["kind"] == "alloc":
            steps.append(("born", address, size))
            if event.get("call", "").startswith("new"):
                aligned[address, size] = event.get("alignment", 1)
        elif event["kind"] == "free":
            steps.append(("ended", address))
        elif event["address"] == event["old_address"]:
            steps.append(("resized", address, size))
    return steps, aligned


def run(trace, log, command):
    for path in (trace, log):
        if os.path.exists(path):
            os.unlink(path)
    done = subprocess.run([HEAPSTRATA, "record", "-o", trace, "--", *command],
                          env=dict(os.environ, LD_PRELOAD=WITNESS, WITNESS=log,
                                   ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0",
                                   PYTHONMALLOC="malloc"),
                          capture_output=True, timeout=120, check=False)
    summary = json.loads(subprocess.run([HEAPSTRATA, "summary", "--json", trace], timeout=120,
                                        stdout=subprocess.PIPE, check=True).stdout)
    return summary, done.stderr


def check(label, command):
    name = label.replace(" ", "-")
    trace, log = (os.path.join(SCRATCH, f"witnessed-{name}.{kind}") for kind in ("hst", "log"))
    for _ in range(5):  # on a crowded machine the recorder can be too slow, and says so
        summary, said = run(trace, log, command)
        if summary["lost_events"] == 0:
            break
    instances = {process["instance"] for process in summary["processes"]}
    pids = {process["pid"] for process in summary["processes"]}
    if summary["lost_events"] > 0 or len(pids) != 1:
        RESULTS.check(f"{label}: everything recorded", False, (pids, said))
        return
    theirs, has_one_thread = witnessed(log, pids.pop())
    ours, aligned = recorded(trace, instances)
    os.unlink(log)
    # what operator new aligns is asked of libc as a multiple of that
    ours = [("born", step[1], -(-step[2] // aligned[step[1:]]) * aligned[step[1:]])
            if step[0] == "born" and step[1:] in aligned else step for step in ours]
    only_ours = collections.Counter(ours) - collections.Counter(theirs)
    only_theirs = collections.Counter(theirs) - collections.Counter(ours)
    RESULTS.check(f"{label}: each of {len(theirs)} steps, and nothing more",
                  not only_ours and not only_theirs,
                  (list(only_ours.items())[:5], list(only_theirs.items())[:5]))
    if has_one_thread and not only_ours and not only_theirs:
        RESULTS.check(f"{label}: in the same order", ours == theirs, next(
            (i, pair) for i, pair in enumerate(zip(ours + [0], theirs + [0])) if pair[0] != pair[1])
                      if ours != theirs else "")


def main():
    jobs = [(case, [KNOWN, case]) for case in CASES]
    if CPP:
        jobs += [("C++ " + case, [CPP, case]) for case in CPP_CASES]
        jobs += [("C++ " + case, [LEFT, case]) for case in LEFT_CASES]
    jobs.append(("python3", ["/usr/bin/python3", "-c", PYTHON]))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(check, *arguments) for arguments in jobs]:
            job.result()
    sys.exit(RESULTS.end())


main()
