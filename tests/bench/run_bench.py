#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench`: how fast a trace opens, beside `cat` and heaptrack_print in the same run.

Every round runs all programs once, one after the other, on the same invented history (see
make_history.c) as ETL and as heaptrack file; figures are medians over the rounds of CPU time (user
+ system), ratios are medians of the ratio within a round, so that a slow minute of the machine hits
both sides. Nothing here passes or fails.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys


def cpu_of(command):
    """CPU seconds (user + system) of one run, its output thrown away."""
    with open(os.devnull, "r+b") as null:
        process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("bench: %s ended with %d" % (command[0], process.returncode))
    return usage.ru_utime + usage.ru_stime


def figures_of(bench_load, path):
    run = subprocess.run([bench_load, path], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def measure(bench_load, etl, heaptrack, rounds):
    """A list of rounds, each a dict of what was measured in it."""
    results = []
    printer = shutil.which("heaptrack_print")
    for number in range(rounds + 1):
        result = {"cat": cpu_of(["cat", etl]), "etl": figures_of(bench_load, etl)}
        if printer:
            result["heaptrack_print"] = cpu_of([printer, heaptrack])
        result["heaptrack"] = figures_of(bench_load, heaptrack)
        if number > 0:  # the first round warms up
            results.append(result)
    return results


def median(results, figure):
    return statistics.median(figure(r) for r in results)


def lines(results):
    """(what, seconds of CPU, events, bytes, ratio to cat, ratio to heaptrack_print per event)."""
    def against(figure, other, scale=1.0):
        return median(results, lambda r: figure(r) / other(r) * scale)

    def per_event(figure, kind):
        if "heaptrack_print" not in results[0]:
            return None
        events = results[0][kind]["events"] / results[0]["heaptrack"]["events"]
        return against(lambda r: r["heaptrack_print"], figure, events)

    first = results[0]
    rows = [("cat FILE.etl > /dev/null", median(results, lambda r: r["cat"]), None,
             first["etl"]["bytes"], 1.0, None)]
    for kind in ("etl", "heaptrack"):
        for step, name in (("decode_cpu", "decode"), ("load_cpu", "decode + pair + index")):
            def figure(result, kind=kind, step=step):
                return result[kind][step]
            cat = against(figure, lambda r: r["cat"]) if kind == "etl" else None
            rows.append(("%s: %s" % (kind, name), median(results, figure), first[kind]["events"],
                         first[kind]["bytes"], cat, per_event(figure, kind)))
    if "heaptrack_print" in first:
        rows.append(("heaptrack_print", median(results, lambda r: r["heaptrack_print"]),
                     first["heaptrack"]["events"], first["heaptrack"]["bytes"], None, 1.0))
    return rows


def table(results):
    head = ("", "CPU ms", "ns/event", "M events/s", "MB/s", "x cat's time",
            "x heaptrack_print's speed")
    print("%-34s %8s %9s %11s %7s %13s %26s" % head)

    def cell(value, form):
        return form % value if value is not None else "-"
    for what, seconds, events, n_bytes, cat, printer in lines(results):
        print("%-34s %8.1f %9s %11s %7.0f %13s %26s" % (
            what, seconds * 1e3, cell(events and seconds / events * 1e9, "%.1f"),
            cell(events and events / seconds / 1e6, "%.1f"), n_bytes / seconds / 1e6,
            cell(cat, "%.1f"), cell(printer, "%.1f")))
    for kind in ("etl", "heaptrack"):
        f = results[0][kind]
        print("%s: %d events, %d allocations, %.1f MB; open it holds %.1f bytes an event" % (
            kind, f["events"], f["allocations"], f["bytes"] / 1e6, f["memory"] / f["events"]))


def profile(bench_load, path):
    """Where the time goes: perf where it works, else callgrind."""
    data = os.path.join(os.path.dirname(path), "perf.data")
    perf = shutil.which("perf")
    command = [perf, "record", "-q", "-o", data, "-e", "cpu-clock", bench_load, path, "5"]
    if perf and subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False).returncode == 0:
        print("\nprofile of %s (perf, cpu-clock):" % os.path.basename(path))
        report = subprocess.run([perf, "report", "-i", data, "--stdio", "--no-children", "-F",
                                 "overhead,sym", "--percent-limit", "0.7"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False).stdout
        print("\n".join(line for line in report.splitlines() if line and line[0] != "#"))
        return
    if shutil.which("valgrind"):
        out = data + ".callgrind"
        subprocess.run(["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out,
                        bench_load, path], stdout=subprocess.DEVNULL, check=False)
        print("\nprofile of %s (callgrind, instructions):" % os.path.basename(path))
        report = subprocess.run(["callgrind_annotate", out], stdout=subprocess.PIPE, text=True,
                                check=False).stdout
        print("\n".join(report.splitlines()[20:50]))
        return
    print("\nno profile: neither perf nor valgrind works here")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print every round's figures as JSON")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    options = parser.parse_args()
    programs = os.path.join(options.build, "tests", "bench")
    bench_load = os.path.join(programs, "bench_load")
    paths = {}
    for kind in ("etl", "heaptrack"):
        paths[kind] = os.path.join(programs, "bench-%d.%s" % (options.events, kind))
        if not os.path.exists(paths[kind]):
            subprocess.run([os.path.join(programs, "make_history"), kind, str(options.events),
                            paths[kind]], check=True)
    results = measure(bench_load, paths["etl"], paths["heaptrack"], options.rounds)
    if options.json:
        print(json.dumps({"events": options.events, "rounds": results}, indent=1))
        return
    table(results)
    if options.profile:
        profile(bench_load, paths["etl"])
        profile(bench_load, paths["heaptrack"])


if __name__ == "__main__":
    main()
