#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`heapstrata summary --json` on the real heaptrack files of ../shared/data: the known figures of
upstream's own tests, and what Debian's heaptrack_print says about the same file - totals, bytes at
the peak and at the end, the histogram of sizes, the time line and who allocated most.
heaptrack_print is also asked about the small interpreted files of tests/traces, as no real ones of
versions 0 and 1 are known.
Skips (77) what is absent.

Usage: check_heaptrack.py PROGRAM
"""

import collections
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("HEAPSTRATA_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
SMALL = os.path.join(HERE, "..", "traces", "heaptrack", "*.txt")
FOLDER = os.path.join(SHARED, "data", "heaptrack")
NO_SUPPRESSIONS = ["--disable-builtin-suppressions", "--disable-embedded-suppressions"]

# ../shared/data/README.md and formats/heaptrack.md section 8; times in seconds
KNOWN = {
    "heaptrack.david.18594.gz": {
        "allocs": 2896, "frees": 2859, "opened_bytes": 132794486, "peak_bytes": 996970,
        "peak_time": 0, "outstanding_bytes": 30463, "temporary": 729, "duration": 0.080,
        "heaptrack.system_memory_bytes": 16715239424, "peak_rss": 76042240},
    "heaptrack.embedded_lsan_suppressions.84207.zst": {
        "allocs": 5, "outstanding_bytes": 10, "peak_bytes": 72714, "temporary": 0},
    "heaptrack.heaptrack_gui.99454.zst": {
        "allocs": 278534, "frees": 263117, "peak_bytes": 12222213, "peak_time": 2.214,
        "outstanding_bytes": 1047379, "temporary": 35481, "duration": 3.506},
    "heaptrack.lelouch.88322.zst": {
        "allocs": 939, "frees": 832, "peak_bytes": 260872, "outstanding_bytes": 82775,
        "outstanding_count": 107},
    "test_sysroot/heaptrack.test_sysroot.raw": {"allocs": 3, "outstanding_bytes": 73760},
    "test_sysroot/heaptrack.test_sysroot.expected": {"allocs": 3, "outstanding_bytes": 73760},
}


# exclusive figures of one function: allocations, bytes at the peak, bytes leaked
KNOWN_FUNCTION = ("heaptrack.heaptrack_gui.99454.zst", "QHashData::allocateNode(int)",
                  (5214, 56152, 32))


def summary(program, path):
    run = subprocess.run([program, "summary", "--json", path], check=True, capture_output=True,
                         timeout=300)
    return json.loads(run.stdout)


def functions(program, path):
    """Name -> (allocations, bytes at the peak, bytes leaked) of what it allocated itself."""
    run = subprocess.run([program, "tree", "--json", "--functions", path], check=True,
                         capture_output=True, timeout=300)
    found = collections.defaultdict(lambda: (0, 0, 0))
    for function in json.loads(run.stdout)["functions"]:
        sums = function["exclusive"]
        mine = sums["total_count"], sums["peak_bytes"], sums["outstanding_bytes"]
        found[function["label"]] = tuple(map(sum, zip(found[function["label"]], mine)))
    return found


def peak_rss(program, path):
    """From the resident set samples of `dump`."""
    run = subprocess.run([program, "dump", path], check=True, capture_output=True, timeout=300)
    samples = [line for line in run.stdout.splitlines() if b" memory-sample " in line]
    return max(int(line.rsplit(b"=", 1)[1]) for line in samples)


def known_differences(program, name, report):
    path = os.path.join(FOLDER, name)
    found = dict(report["facts"], duration=report["duration"], **report["totals"])
    if "peak_rss" in KNOWN[name]:
        found["peak_rss"] = peak_rss(program, path)
    if KNOWN_FUNCTION[0] == name:
        mine = functions(program, path)[KNOWN_FUNCTION[1]]
        if mine != KNOWN_FUNCTION[2]:
            yield "%s: known is %s, found %s" % (KNOWN_FUNCTION[1], KNOWN_FUNCTION[2], mine)
    for key, expected in KNOWN[name].items():
        if abs(found[key] - expected) > 1e-9:
            yield "%s: known is %s, found %s" % (key, expected, found[key])


class Upstream:
    """What heaptrack_print says; its text is rounded, its files are exact."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder
        self.totals = {cost: self.flame_sum(cost)
                       for cost in ("allocations", "temporary", "leaked", "peak")}
        self.run("-H", "sizes", "-M", "massif")
        self.classes = collections.Counter()
        for line in self.lines("sizes"):
            size, count = (int(word) for word in line.split())
            self.classes[size.bit_length() - 1] += count

    def run(self, *arguments):
        subprocess.run(["heaptrack_print", "-p0", "-a0", "-T0", *NO_SUPPRESSIONS, "-f", self.path,
                        *arguments], cwd=self.folder, check=True, timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lines(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read().splitlines()

    def flame_sum(self, cost):
        self.run("-F", "flames", "--flamegraph-cost-type", cost)
        return sum(int(line.rsplit(" ", 1)[1]) for line in self.lines("flames"))

    def top_functions(self):
        """(name, allocations) of the functions that allocate most, all call paths merged."""
        run = subprocess.run(["heaptrack_print", "-p0", "-a1", "-T0", "-t0", "-n1000000", "-s0",
                              *NO_SUPPRESSIONS, "-f", self.path], check=True, timeout=300,
                             capture_output=True)
        counts = collections.Counter()
        lines = run.stdout.decode().splitlines()
        for line, following in zip(lines, lines[1:]):
            if re.match(r"\d+ calls to allocation functions with ", line):
                counts[following.strip()] += int(line.split(" ", 1)[0])
        return counts.most_common(20)

    def timeline(self):
        """(seconds of a `c` record, live bytes before it)."""
        seconds = None
        for line in self.lines("massif"):
            key, _, value = line.partition("=")
            if key == "time":
                seconds = float(value)
            elif key == "mem_heap_B":
                yield seconds, int(value)


def upstream_differences(program, path, report):
    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream(path, folder)
        snapshots = list(upstream.timeline())
    mine = functions(program, path)
    for name, count in upstream.top_functions():
        # what has no name is merged by module there; GLib's allocator counts for its caller here
        if not name.startswith(("0x", "g_")) and mine[name][0] != count:
            yield "%s: heaptrack_print says %d allocations, found %s" % (name, count, mine[name])
    totals = report["totals"]
    pairs = [("allocations", totals["allocs"]), ("temporary", totals["temporary"]),
             ("leaked", totals["outstanding_bytes"]), ("peak", totals["peak_bytes"])]
    for name, found in pairs:
        if upstream.totals[name] != found:
            yield "%s: heaptrack_print says %d, found %d" % (name, upstream.totals[name], found)
    classes = collections.Counter()
    for process in report["processes"]:
        for heap in process["heaps"]:
            for key, count in heap["histogram"].items():
                classes[int(key)] += count
    if classes != upstream.classes:
        yield "histogram: heaptrack_print says %s, found %s" % (upstream.classes, classes)
    for ticks, found, _ in report["timeline"]:
        # live after all records of that time: before the next `c`; none after the last one
        later = [live for seconds, live in snapshots if round(seconds * 1000) > ticks]
        if later and later[0] != found:
            yield "at %d ms: heaptrack_print says %d, found %d" % (ticks, later[0], found)


def small_differences(program, path):
    with tempfile.TemporaryDirectory() as folder:
        packed = os.path.join(folder, "small.gz")  # upstream decides by the name
        with open(path, "rb") as file, gzip.open(packed, "wb") as out:
            out.write(file.read())
        yield from upstream_differences(program, packed, summary(program, packed))


def main():
    program = sys.argv[1]
    has_upstream = shutil.which("heaptrack_print") is not None
    failed, n_checked = False, 0
    for name in KNOWN:
        path = os.path.join(FOLDER, name)
        if not os.path.exists(path):
            print("skipped: no %s" % path)
            continue
        report = summary(program, path)
        sentences = list(known_differences(program, name, report))
        if has_upstream and not name.startswith("test_sysroot"):
            sentences += upstream_differences(program, path, report)
        for sentence in sentences:
            print("%s: %s" % (name, sentence))
            failed = True
        n_checked += 1
    for path in sorted(glob.glob(SMALL)) if has_upstream else []:
        if os.path.basename(path).startswith("raw"):
            continue  # heaptrack_print takes interpreted files only
        for sentence in small_differences(program, path):
            print("%s: %s" % (os.path.basename(path), sentence))
            failed = True
        n_checked += 1
    if not has_upstream:
        print("skipped: heaptrack_print is not installed")
    print("%d files compared" % n_checked)
    return 1 if failed else 0 if n_checked else 77


if __name__ == "__main__":
    sys.exit(main())
