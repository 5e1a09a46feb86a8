#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench open`: where opening and asking stand against the goals for large traces.

One invented history (make_history.c) is opened as .hst, cold and by its closing index, in turn with
heaptrack_interpret and heaptrack_print on the same history as heaptrack records it; opening ends
with the picture of the whole trace, its chart over time and its tree. Pairing is measured on
recordings of programs, too, when the measuring kit is there ($HEAPSTRATA_SHARED). ETL is decoded;
another, larger history (bench_ranges.c) is asked for ranges. Figures are medians over the rounds,
ratios medians of the ratio within a round. A line for each goal; nothing here passes or fails.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

INTERPRETERS = ("/usr/lib/heaptrack/libexec/heaptrack_interpret",
                "/usr/libexec/heaptrack_interpret")


def run(command, stdin=None, stdout=None):
    """Seconds on the wall of one run."""
    with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as sink:
        begin = time.monotonic()
        subprocess.run(command, stdin=source, stdout=sink, stderr=subprocess.DEVNULL, check=True)
        return time.monotonic() - begin


def output_of(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True,
                                     check=True).stdout)


class Programs:
    def __init__(self, build):
        folder = os.path.join(build, "tests", "bench")
        self.folder = folder
        self.load = os.path.join(folder, "bench_load")
        self.ranges = os.path.join(folder, "bench_ranges")
        self.history = os.path.join(folder, "make_history")
        self.capture = os.path.abspath(os.path.join(build, "src", "capture"))
        self.heapstrata = os.path.join(build, "src", "cli", "heapstrata")
        self.interpret = next((p for p in INTERPRETERS if os.path.exists(p)), None)
        self.print = shutil.which("heaptrack_print")
        if self.interpret is None or self.print is None:
            sys.exit("bench open: heaptrack is not installed")

    def file(self, kind, events, make):
        path = os.path.join(self.folder, "open-%d.%s" % (events, kind))
        if not os.path.exists(path):
            make(path)
        return path

    def invented(self, kind, events):
        return self.file(kind, events, lambda path: subprocess.run(
            [self.history, kind, str(events), path], check=True))

    def recording(self, raw, events, name, *options):
        return self.file(name, events, lambda path: subprocess.run(
            [self.heapstrata, "convert", *options, raw, path], stdout=subprocess.DEVNULL,
            check=True))


def recorded_streams(programs, events):
    """Name and file of programs that do little but allocate, as `heapstrata record` has them."""
    shared = os.environ.get("HEAPSTRATA_SHARED",
                            os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared"))
    scripts = os.path.join(shared, "bench", "workloads")
    commands = {
        "python": ["/usr/bin/python3", os.path.join(scripts, "json_ast.py"),
                   str(max(1, events // 762_000))],
        "cmake": ["/usr/bin/cmake", "-DCOUNT=%d" % (events // 488), "-P",
                  os.path.join(scripts, "strings.cmake")],
    }
    environment = dict(os.environ, PYTHONMALLOC="malloc",
                       HEAPSTRATA_LIBEXEC=programs.capture)
    return [(name, programs.file(name + ".hst", events, lambda path, command=command:
                                 subprocess.run([programs.heapstrata, "record", "-o", path, "--"] +
                                                command, env=environment, check=True,
                                                stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL)))
            for name, command in commands.items()
            if os.path.isdir(scripts) and os.path.exists(command[0])]


def measure_files(programs, events, rounds):
    raw = programs.invented("raw", events)
    cold = programs.recording(raw, events, "cold.hst", "--no-index")
    closed = programs.recording(raw, events, "closed.hst")
    etl = programs.invented("etl", min(events, 1_000_000))
    streams = [("invented", cold)] + recorded_streams(programs, events)
    interpreted = os.path.join(programs.folder, "open-interpreted.txt")
    results = []
    for number in range(rounds + 1):
        result = {
            "interpret": run([programs.interpret], raw, interpreted),
            "print": run([programs.print, "-f", interpreted]),
            "streams": {name: output_of([programs.load, path]) for name, path in streams},
            "closed": output_of([programs.load, closed]),
            "etl": output_of([programs.load, etl]),
        }
        result["cold"] = result["streams"]["invented"]
        if number > 0:  # the first round warms up
            results.append(result)
    os.unlink(interpreted)
    return results


def verdict(goal, text, is_met, detail):
    return "%-4s goal %-3s %s: %s" % ("met" if is_met else "MISS", goal, text, detail)


def verdicts_of_files(results):
    def middle(figure):
        return statistics.median(figure(r) for r in results)

    events = results[0]["cold"]["events"]
    def shown(figures):
        return figures["load_wall"] + figures["picture_wall"]

    cold = middle(lambda r: shown(r["cold"]))
    ratio = middle(lambda r: (r["interpret"] + r["print"]) / shown(r["cold"]))
    closed = middle(lambda r: shown(r["closed"]))
    again = middle(lambda r: r["print"] / shown(r["closed"]))
    first = {name: middle(lambda r: r[name]["first_picture_wall"])
             for name in ("cold", "closed", "etl")}
    etl = results[0]["etl"]
    decode = middle(lambda r: r["etl"]["decode_cpu"])
    return [
        verdict("11", "cold open >= 10 x heaptrack_interpret + heaptrack_print", ratio >= 10,
                "%.1f x (%.2f s for %d events and a picture, %.1f M/s; theirs %.2f + %.2f s)" % (
                    ratio, cold, events, events / cold / 1e6,
                    middle(lambda r: r["interpret"]), middle(lambda r: r["print"]))),
        verdict("-", "first picture within a second", max(first.values()) <= 1,
                "%.0f ms without an index, %.0f ms with it, %.0f ms of an ETL" % (
                    first["cold"] * 1e3, first["closed"] * 1e3, first["etl"] * 1e3)),
        verdict("12", "open again >= 50 x heaptrack_print", again >= 50, "%.0f x" % again),
        verdict("12", "open again <= 10 ms", closed <= 0.010,
                "%.1f ms, %.1f of them for the picture" % (
                    closed * 1e3, middle(lambda r: r["closed"]["picture_wall"]) * 1e3)),
        verdict("16", "ETL decoded at >= 1 GB/s per core", etl["bytes"] / decode >= 1e9,
                "%.2f GB/s (%.0f ms of all threads, %.0f of the one that decodes, %.0f on the "
                "wall)" % ((etl["bytes"] / decode / 1e9,) + tuple(
                    middle(lambda r, f=figure: r["etl"]["decode_" + f]) * 1e3
                    for figure in ("cpu", "thread", "wall")))),
        verdict("16", "ETL with stacks decoded at >= 10 M events/s", etl["events"] / decode >= 1e7,
                "%.1f M/s" % (etl["events"] / decode / 1e6)),
    ]


def verdicts_of_pairing(results):
    """On one core; by the goal's words and by what our own pairing does, which is more."""
    lines = []
    for name, first in results[0]["streams"].items():
        for figure, words in (("pair_only_cpu", "addresses alone"),
                              ("append_cpu", "columns and index with it")):
            ns = statistics.median(r["streams"][name][figure] for r in results) / \
                first["events"] * 1e9
            lines.append(verdict("14", "pairing >= 80 M events/s, %s" % name, ns <= 12.5,
                                 "%.1f M/s (%.1f ns, %s)" % (1e3 / ns, ns, words)))
    return lines


def worst(ranges, question):
    """(ms, name) of the slowest range without a filter on rows."""
    return max((figures["index_ms"], name) for name, figures in ranges.items()
               if isinstance(figures, dict) and name.endswith(" " + question) and
               not any(word in name for word in ("sizes", "thread", "heap")))


def verdicts_of_ranges(ranges, results):
    blocks, events = ranges["allocations"], ranges["events"]
    stacks, histogram = worst(ranges, "stacks"), worst(ranges, "histogram")
    printed = statistics.median(r["print"] for r in results) / results[0]["cold"]["events"]
    interpreted = statistics.median(r["interpret"] for r in results) / \
        results[0]["cold"]["events"]
    rate = 1e3 / ranges["pair_ns"]
    allowed = 24 * blocks + events
    return [
        verdict("13", "stacks of any range <= 16 ms", stacks[0] <= 16,
                "%.1f ms (%s, %d allocations)" % (stacks[0], stacks[1], blocks)),
        verdict("13", "... >= 150 x one pass of heaptrack_print",
                printed * events * 1e3 / stacks[0] >= 150,
                "%.0f x (its time an event)" % (printed * events * 1e3 / stacks[0])),
        verdict("13", "size histogram <= 15 ms", histogram[0] <= 15,
                "%.1f ms (%s)" % histogram),
        verdict("14", "pairing >= 80 M events/s, large", rate >= 80,
                "%.1f M/s (%.1f ns, index and columns with it)" % (rate, ranges["pair_ns"])),
        verdict("14", "pairing >= 10 x heaptrack_interpret's rate",
                interpreted * rate * 1e6 >= 10, "%.1f x" % (interpreted * rate * 1e6)),
        verdict("15", "memory <= 24 B an allocation + 1 B an event", ranges["memory"] <= allowed,
                "%.2f B an event, %.2f allowed (%s)" % (
                    ranges["memory"] / events, allowed / events,
                    ", ".join("%s %.2f" % (part.replace("_", " "), n / events)
                              for part, n in ranges["parts"].items()))),
    ]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench open", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, default=10_000_000, help="of the files")
    parser.add_argument("--range-events", type=int, default=100_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    programs = Programs(options.build)
    results = measure_files(programs, options.events, options.rounds)
    for line in verdicts_of_files(results) + verdicts_of_pairing(results):
        print(line)
    sys.stdout.flush()
    # no scan beside it: `./dev bench ranges` has that, and holds the answers against each other
    ranges = output_of([programs.ranges, str(options.range_events), "-", "5"])
    for line in verdicts_of_ranges(ranges, results):
        print(line)


if __name__ == "__main__":
    main()
