#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench symbols`: what names cost. The same programs are recorded by Heapstrata and by
heaptrack; then, in turns, `heapstrata symbolize` and heaptrack_interpret name every distinct frame
of their recording (both read the whole of it for that). And how long after its start the window
shows rows, and the last of the visible rows has its name.

Usage: run_ui.sh bench_symbols.py BUILD [--rounds N] [--json]. Programs: cc1 (stripped, many
exported names) and the viewer itself (BUILD has debug information). Nothing passes or fails here.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ui"))
from desktop import Atspi, GLib, Viewer, read_rows  # noqa: E402

INTERPRET = "/usr/lib/heaptrack/libexec/heaptrack_interpret"
STILL_SECONDS = 2.0  # rows that did not change for so long have their names
N_FUNCTIONS = 300

FUNCTION = """
static double f%(i)d (double a, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++) { s += a * i + %(i)d; if (s > 1e9) s /= a; }
    return s;
}
double g%(i)d (int what, double v)
{
    switch (what) { case 1: return f%(i)d (v, 10); case 2: return f%(i)d (v * v, 20); }
    return v + %(i)d;
}
"""


def programs(build, folder):
    """name -> command"""
    source = os.path.join(folder, "source.i")
    with open(source, "w", encoding="ascii") as file:
        file.write("".join(FUNCTION % {"i": i} for i in range(N_FUNCTIONS)))
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, text=True,
                         check=True).stdout.strip()
    return {"cc1": [cc1, "-quiet", "-fpreprocessed", "-O2", source, "-o", "/dev/null"],
            "viewer": [os.path.join(build, "ui/app/heapstrata-viewer"), "--screenshot",
                       os.path.join(folder, "picture.png"),
                       os.path.join(build, "data/heapstrata-demo.etl")]}


def quietly(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def record(build, folder, name, command):
    """Both recordings; the path of the raw file of heaptrack, or None."""
    trace = os.path.join(folder, name + ".hst")
    quietly([os.path.join(build, "src/cli/heapstrata"), "record", "-o", trace, "--", *command])
    if not shutil.which("heaptrack") or not os.path.exists(INTERPRET):
        return trace, None
    quietly(["heaptrack", "--raw", "-o", os.path.join(folder, name), *command])
    raw = os.path.join(folder, name + ".raw")
    quietly(["zstd", "-dqf", raw + ".zst", "-o", raw])
    return trace, raw


def seconds_of(command, **more):
    began = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, **more)
    return time.monotonic() - began


def our_frames(build, trace):
    run = subprocess.run([os.path.join(build, "src/cli/heapstrata"), "modules", "--json", trace],
                         check=True, text=True, stdout=subprocess.PIPE)
    modules = json.loads(run.stdout)["modules"]
    return sum(m["frames"] for m in modules), sum(m["named_frames"] for m in modules)


def their_frames(path):
    """Lines "i ADDRESS MODULE [FUNCTION …]"."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.split() for line in file if line.startswith("i ")]
    return len(lines), sum(len(words) > 3 for words in lines)


def compare(build, folder, name, command, rounds):
    trace, raw = record(build, folder, name, command)
    interpreted = os.path.join(folder, name + ".interpreted")
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds_of([os.path.join(build, "src/cli/heapstrata"), "symbolize", trace],
                               stdout=subprocess.DEVNULL))
        if raw:
            with open(raw, "rb") as source, open(interpreted, "wb") as out:
                theirs.append(seconds_of([INTERPRET], stdin=source, stdout=out))
    frames, named = our_frames(build, trace)
    if not named:
        sys.exit("%s: nothing was named" % name)
    os.remove(trace + ".names")  # the window shall find them itself
    result = {"program": name, "seconds": statistics.median(ours), "frames": frames,
              "named": named, "shown": visible_rows(build, trace, rounds)}
    if raw:
        n, n_named = their_frames(interpreted)
        result.update(heaptrack_seconds=statistics.median(theirs), heaptrack_frames=n,
                      heaptrack_named=n_named)
    return result


def visible_rows(build, trace, rounds):
    """Medians of seconds from the start of the window: rows, rows with their last names."""
    runs = [rows_in_time(build, trace) for _ in range(rounds)]
    return [statistics.median(run[i] for run in runs) for i in range(2)]


def rows_in_time(build, trace):
    began = time.monotonic()
    viewer = Viewer(build, trace)
    first = last = None
    before = []
    try:
        while last is None or time.monotonic() - last < STILL_SECONDS:
            rows = functions_shown(viewer)
            now = time.monotonic()
            if rows and rows != before:
                first = first or now
                last, before = now, rows
            time.sleep(0.02)
        viewer.close()
    finally:
        viewer.kill()
    return first - began, last - began


def functions_shown(viewer):
    try:
        for table in viewer.find_all(Atspi.Role.TREE_TABLE, "top-down"):
            return [row[0] for row in read_rows(table, 12)]
    except GLib.Error:  # rows went away while they were read
        pass
    return []


def print_result(result):
    print("%s: %d distinct frames, %d with names" % (
        result["program"], result["frames"], result["named"]))
    print("  heapstrata symbolize %14.2f s" % result["seconds"])
    if "heaptrack_seconds" in result:
        print("  heaptrack_interpret  %14.2f s (%d frames, %d with names): %.1f times as long" % (
            result["heaptrack_seconds"], result["heaptrack_frames"], result["heaptrack_named"],
            result["heaptrack_seconds"] / result["seconds"]))
    else:
        print("  heaptrack is not installed")
    print("  the window: rows after %.2f s, the visible ones named after %.2f s" % tuple(
        result["shown"]), flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench symbols",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, command in programs(options.build, folder).items():
            results.append(compare(options.build, folder, name, command, options.rounds))
            if not options.json:
                print_result(results[-1])
    if options.json:
        print(json.dumps(results, indent=1))


main()
