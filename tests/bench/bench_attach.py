# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a process stands still when a recorder attaches, and what its events cost then: ours
against `heaptrack -p`, in turns on the same program, and the goals of PERFORMANCE.md 7 (number 7).

Usage: bench_attach.py [--build FOLDER] [--rounds N] [--json]. What the target measures of itself
counts (stall.c): the longest time between two of its own readings of the clock from the begin of
the attach on, the processor time of its events while recorded less that before.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BEFORE, RECORDED, AFTER = 1.0, 1.5, 0.5  # seconds of a run
HEAPTRACK_IN = 1.5  # it needs about half of this until it records

MOST_STILL_MS = 12.0
LEAST_SHORTER = 10.0  # than heaptrack's
LEAST_CHEAPER = 5.0


class Run:
    """One target: lines of (begin in s, events, ns of processor time, longest gap in us)."""

    def __init__(self, stall, seconds):
        self.process = subprocess.Popen([stall, str(seconds)], stdout=subprocess.PIPE, text=True)
        self.begin = time.monotonic()

    def finish(self):
        lines = self.process.communicate(timeout=120)[0].splitlines()
        self.windows = [tuple(float(x) for x in line.split()) for line in lines]

    def longest_ms(self, begin, end):
        gaps = [gap for at, _, _, gap in self.windows if begin - 0.1 < at < end]
        return max(gaps, default=0) / 1e3

    def ns_per_event(self, begin, end):
        costs = [cpu / n for at, n, cpu, _ in self.windows if begin < at < end - 0.1]
        return statistics.median(costs) if costs else float("nan")

    def result(self, attached, recorded, end):
        alone = self.ns_per_event(self.begin + 0.2, attached)
        return {"still_ms": self.longest_ms(attached, end),
                "still_before_ms": self.longest_ms(self.begin + 0.2, attached - 0.1),
                "added_ns": self.ns_per_event(recorded, end) - alone, "native_ns": alone}


def measure_ours(arguments, folder):
    run = Run(f"{arguments.build}/tests/bench/stall", BEFORE + RECORDED + AFTER)
    time.sleep(BEFORE)
    begin = time.monotonic()
    trace = os.path.join(folder, "ours.hst")
    done = subprocess.run([f"{arguments.build}/src/cli/heapstrata", "attach", "-o", trace,
                           f"--duration={RECORDED - 0.2}", str(run.process.pid)],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ,
                               "HEAPSTRATA_LIBEXEC": f"{arguments.build}/src/capture"})
    end = time.monotonic()
    run.finish()
    os.remove(trace)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result = run.result(begin, begin + 0.4, end)
    result["detached_ns"] = run.ns_per_event(end, end + AFTER) - result["native_ns"]
    return result


def measure_heaptrack(arguments, folder):
    run = Run(f"{arguments.build}/tests/bench/stall", BEFORE + HEAPTRACK_IN + RECORDED)
    time.sleep(BEFORE)
    begin = time.monotonic()
    with subprocess.Popen(["heaptrack", "-r", "-p", str(run.process.pid)], cwd=folder,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True,
                          env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}) as tool:
        run.finish()
        try:
            tool.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(tool.pid, signal.SIGKILL)
    return run.result(begin, begin + HEAPTRACK_IN, begin + HEAPTRACK_IN + RECORDED)


def median(results, key):
    return statistics.median(result[key] for result in results)


def tell(ours, theirs):
    """Prints the table and returns the verdicts."""
    columns = ["still_before_ms", "still_ms", "least_ms", "native_ns", "added_ns"]
    print("%-18s %17s %14s %13s %9s %12s" % ("medians", "longest gap of", "longest gap",
                                             "least of", "native", "added by"))
    print("%-18s %17s %14s %13s %9s %12s" % ("", "the target alone", "when attached",
                                             "those", "ns/event", "recording"))
    for name, results in ("heapstrata attach", ours), ("heaptrack -p", theirs):
        for result in results:
            result["least_ms"] = min(result["still_ms"] for result in results)
        if results:
            print("%-18s %14.2f ms %11.2f ms %10.2f ms %9.2f %12.2f" % (
                name, *(median(results, column) for column in columns)))
    print(f"{os.getloadavg()[0]:.1f} programs want to run on {os.cpu_count()} processors: a busy "
          "machine makes any program stand still")
    still, added = median(ours, "still_ms"), median(ours, "added_ns")
    print(f"detached, an event costs {median(ours, 'detached_ns'):+.2f} ns than before; each "
          f"longest gap of ours: {', '.join('%.1f' % r['still_ms'] for r in ours)} ms")
    verdicts = [("stands still for at most 12 ms", still <= MOST_STILL_MS, f"{still:.2f} ms")]
    if theirs:
        shorter = median(theirs, "still_ms") / still
        cheaper = median(theirs, "added_ns") / added if added > 0 else float("inf")
        verdicts += [("stands still for 1/10 of heaptrack's", shorter >= LEAST_SHORTER,
                      f"1/{shorter:.1f}"),
                     ("events cost 1/5 of heaptrack's", cheaper >= LEAST_CHEAPER,
                      f"1/{cheaper:.1f}")]
    for what, is_met, figure in verdicts:
        print("%-40s %-10s %s" % (what, figure, "met" if is_met else "NOT MET"))
    return all(is_met for _, is_met, _ in verdicts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build-release")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    ours, theirs = [], []
    folder = tempfile.mkdtemp(prefix="heapstrata-bench-")
    try:
        for _ in range(arguments.rounds):
            ours.append(measure_ours(arguments, folder))
            if shutil.which("heaptrack"):
                theirs.append(measure_heaptrack(arguments, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        print(json.dumps({"ours": ours, "heaptrack": theirs}))
        return 0
    return 0 if tell(ours, theirs) else 1


if __name__ == "__main__":
    sys.exit(main())
