# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings that keep only their newest part, held against whole recordings of the same program.

Usage: check_circular.py HEAPSTRATA CIRCLE SCRATCH. What is outstanding, where it was allocated and
the newest events must be the same, to the byte.
"""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, CIRCLE, SCRATCH = sys.argv[1:4]
TRIES = 4
results = Results()
check = results.check


def run(*arguments):
    return subprocess.run([HEAPSTRATA, *arguments], capture_output=True, text=True, timeout=300)


class Trace:
    def __init__(self, name, options, *arguments):
        self.path = os.path.join(SCRATCH, f"circular-{name}.hst")
        for _ in range(TRIES):  # a machine that is crowded may not keep up
            done = run("record", "-o", self.path, *options, "--", CIRCLE, *arguments)
            if "lost" not in done.stderr:
                break
        self.status, self.errors = done.returncode, done.stderr
        self.bytes = os.path.getsize(self.path)
        self.totals = json.loads(run("summary", "--json", self.path).stdout)["totals"]
        self.stacks = json.loads(run("tree", "--json", "--type=aifo", self.path).stdout)["total"]
        self.events = [json.loads(line)
                       for line in run("dump", "--json", "--limit=0", self.path).stdout.splitlines()
                       if line.startswith("{")]
        self.blocks = [event for event in self.events
                       if event["kind"] in ("alloc", "free", "realloc")]

    def outstanding(self):
        """Sizes of what is never freed, with how many there are."""
        live = {}
        for event in self.blocks:
            if event["kind"] == "free":
                live.pop(event["address"], None)
            elif event["address"] != 0:
                if event["kind"] == "realloc":
                    live.pop(event["old_address"], None)
                live[event["address"]] = event["size"]
        return collections.Counter(live.values())


def sizes(events, n):
    return [(event["kind"], event.get("size")) for event in events[-n:]]


def by_size():
    whole = Trace("whole", [], "60", "20000")
    part = Trace("size", ["--circular=600K"], "60", "20000")
    check("exit status", part.status == 0, part.errors)
    check("much was dropped", len(part.blocks) < len(whole.blocks) / 2
          and part.bytes < 750 * 1024 < whole.bytes / 2, (part.bytes, whole.bytes))
    check("enough was kept", part.bytes > 300 * 1024, part.bytes)
    for name in ("outstanding_count", "outstanding_bytes", "unmatched_frees", "duplicate_allocs"):
        check(name, part.totals[name] == whole.totals[name],
              (part.totals[name], whole.totals[name]))
    check("what is outstanding", part.outstanding() == whole.outstanding(), part.outstanding())
    check("with stacks", part.stacks["aifo_bytes"] == whole.stacks["aifo_bytes"]
          if "aifo_bytes" in part.stacks else part.stacks != {}, part.stacks)
    check("nothing was lost", "lost" not in part.errors + whole.errors, part.errors)
    n = len(part.blocks) * 3 // 4
    check("the newest events", sizes(part.blocks, n) == sizes(whole.blocks, n))
    times = [event["time"] for event in part.blocks]
    check("in order", times == sorted(times))
    found = run("findings", part.path)
    check("the user is told", "circular" in found.stdout and found.returncode == 0, found.stdout)
    check("no other file is left", not os.path.exists(part.path + ".new"))


def by_time():
    part = Trace("time", ["--circular=500ms"], "40", "50000")
    whole = Trace("time-whole", [], "40", "20000")
    kept = [event["time"] for event in part.blocks if event["kind"] == "free"]
    span = (kept[-1] - kept[0]) / 1e9
    check("half a second at least, not all", 0.45 < span < 1.2, span)
    check("what is outstanding, by time", part.outstanding() == whole.outstanding(),
          part.outstanding())


def followed():
    """A killed recorder leaves a file that opens, with what had been there."""
    path = os.path.join(SCRATCH, "circular-killed.hst")
    recorder = subprocess.Popen([HEAPSTRATA, "record", "-o", path, "--circular=300K", "--",
                                 CIRCLE, "60", "20000"], stderr=subprocess.DEVNULL)
    try:
        recorder.wait(timeout=1)
    except subprocess.TimeoutExpired:
        recorder.kill()
    recorder.wait()
    done = run("summary", "--json", path)
    totals = json.loads(done.stdout)["totals"]
    check("a killed one opens", totals["unmatched_frees"] == 0 and totals["opened"] > 1000, totals)


def main():
    by_size()
    by_time()
    followed()
    refused = run("record", "-o", "x.etl", "--circular=1M", "--", "true")
    check("not for ETL", refused.returncode != 0 and not os.path.exists("x.etl"), refused.stderr)
    return results.end()


sys.exit(main())
