#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench capture`: what recording costs, beside heaptrack and LTTng in the same run.

Every round runs the program under each tool, and natively before and after; figures are medians of
the rounds' differences to what the program would have taken between the two, so that a slow minute
of the machine hits both sides. CPU is user + system. Where rounds differ by much the note says so:
of programs that run for seconds some ns/event are less than the machine's own unrest. The
workloads come from the measuring kit in $HEAPSTRATA_SHARED/bench (default: ../shared/bench).
Nothing here passes or fails; the verdicts say where the goals stand.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import capture_tools
from capture_verdicts import verdicts

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIVE = ("mb-d20", "python", "sqlite", "cc1", "cmake")
WHERE = {  # where a tool says something that no other workload asks
    "off": ("mb-d20-long",), "libunwind": FIVE, "lttng": FIVE, "ours-free-stacks": FIVE,
    "heaptrack": FIVE,  # on varied stacks 1.4.0 dies
}


class Bench:
    def __init__(self, options, kit):
        self.kit, self.build = kit, options.build
        self.folder = tempfile.mkdtemp(prefix="heapstrata-bench-", dir=options.scratch)
        self.programs = os.path.join(options.build, "tests", "bench")
        self.heapstrata = os.path.join(options.build, "src", "cli", "heapstrata")
        record_help = subprocess.run([self.heapstrata, "record", "--help"], text=True,
                                     stdout=subprocess.PIPE, check=False).stdout
        self.tools, self.skipped = capture_tools.tools(kit, options.build,
                                                       "--free-stacks" in record_help)

    def run(self, command, environment):
        """One measured run; peaks: name of the process -> KiB."""
        peaks = os.path.join(self.folder, "peaks")
        shutil.rmtree(peaks, ignore_errors=True)
        os.mkdir(peaks)
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        env.update(environment, BENCH_PEAKS=peaks)
        peak_memory = os.path.join(self.programs, "libpeak_memory.so")
        env["BENCH_PRELOAD"] = ":".join(
            x for x in (peak_memory, environment.get("BENCH_PRELOAD")) if x)
        done = subprocess.run([os.path.join(self.programs, "measure_run"),
                               os.path.join(self.folder, "stderr"), *command], env=env,
                              stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(done.stdout)
        result["peaks"] = {}
        for name in os.listdir(peaks):
            with open(os.path.join(peaks, name), encoding="utf-8") as file:
                process, kib = file.read().rsplit(" ", 1)
            result["peaks"][process] = max(int(kib), result["peaks"].get(process, 0))
        return result

    def one(self, tool, workload):
        command, environment, _ = workload
        out = os.path.join(self.folder, "trace")
        prefix, tool_environment, files = self.tools[tool](out) if tool else ([], {}, [])
        daemons = capture_tools.lttng_begin(out) if tool == "lttng" else None
        result = self.run(prefix + command, {**environment, **tool_environment})
        is_ours = tool is not None and tool.startswith("ours")
        result["recorder_cpu"] = result["leader_cpu"] if is_ours else 0.0
        result["target_cpu"] = result["cpu"] - result["recorder_cpu"]
        if daemons is not None:
            result["recorder_cpu"], result["lost"] = capture_tools.lttng_end(daemons)
        result["bytes"] = sum(size_of(path) for path in files)
        if is_ours:
            result.update(self.contents(files[0]))
        if tool == "libunwind":
            result["held"], result["frames"] = self.probed()
            result["lost"] = 0
        for path in files:
            shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
        return result

    def contents(self, path):
        """The calls that the recording holds, and how many it says were lost. (Of a block that
        moved it holds an allocation and a free more.)"""
        done = subprocess.run([self.heapstrata, "summary", "--json", path], text=True,
                              stdout=subprocess.PIPE, check=False)
        summary = json.loads(done.stdout)
        totals = summary["totals"]
        return {"lost": summary.get("lost_events", 0),
                "held": totals["allocs"] + totals["frees"] + totals["reallocs"]
                        - 2 * totals["realloc_summary"]}

    def events(self, workload):
        """Heap calls of the program, counted by the kit's interposer."""
        command, environment, _ = workload
        self.run(command, {**environment, "BENCH_PRELOAD": self.kit.path("count.so"),
                           "PROBE_STATS": "1"})
        return self.probed()[0]

    def probed(self):
        """(heap calls, frames walked) that the kit's interposer told of in the run just made."""
        with open(os.path.join(self.folder, "stderr"), encoding="utf-8") as file:
            lines = [[int(x.split("=")[1]) for x in line.split()[1:5]]
                     for line in file if line.startswith("PROBE")]
        return max(((sum(line[:3]), line[3]) for line in lines), default=(0, 0))

    def measure(self, workload, name, tools, rounds):
        """The figures of each tool on one workload."""
        count = self.events(workload)
        program = os.path.basename(workload[0][0])[:15]
        rows = {tool: [] for tool in tools}
        native = self.one(None, workload)
        for _ in range(rounds):
            results = [self.one(tool, workload) for tool in tools]
            before, native = native, self.one(None, workload)
            for place, (tool, result) in enumerate(zip(tools, results), 1):
                result["native"] = between(before, native, place / (len(tools) + 1))
                rows[tool].append(result)
        return {tool: figures(results, count, program, workload[2], name)
                for tool, results in rows.items()}


def size_of(path):
    if not os.path.isdir(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    return sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(path) for name in names)


def between(before, after, share):
    """A native run at that place between two."""
    return dict(before, **{what: before[what] + (after[what] - before[what]) * share
                           for what in ("cpu", "wall")})


def figures(results, count, program, threads, workload):
    """Medians over the rounds, per heap event where that makes sense."""
    def median(figure):
        return statistics.median(figure(result) for result in results)

    def added_ns(result):
        return (result["target_cpu"] - result["native"]["cpu"]) / count * 1e9

    def peak_of(result, name):
        return next((kib for process, kib in result["peaks"].items() if process.startswith(name)),
                    None)

    def added_memory(result):
        peak, native = peak_of(result, program), peak_of(result["native"], program)
        return (peak - native) / 1024 if peak and native else 0.0

    def helper_memory(result):
        others = [kib for process, kib in result["peaks"].items()
                  if process in ("heapstrata", "heaptrack_interp", "heaptrack_interpret")]
        return max(others) / 1024 if others else 0.0

    return {
        "workload": workload,
        "events": count,
        "threads": threads,
        "native_ms": median(lambda r: r["native"]["cpu"]) * 1e3,
        "target_ns": median(added_ns),
        "spread_ns": (max(map(added_ns, results)) - min(map(added_ns, results))) / 2,
        "recorder_ns": median(lambda r: r["recorder_cpu"] / count) * 1e9,
        "wall_ratio": median(lambda r: r["wall"] / r["native"]["wall"]),
        "cpu_ratio": median(lambda r: r["target_cpu"] / max(r["native"]["cpu"], 1e-4)),
        "bytes": median(lambda r: r["bytes"] / count),
        "added_mib": median(added_memory),
        "helper_mib": median(helper_memory),
        "lost": max(r.get("lost", 0) for r in results),
        "frames": min((r["frames"] for r in results if "frames" in r), default=None),
        "told": min((r["held"] + r["lost"] for r in results if "held" in r), default=None),
        "failed": sorted({r["status"] for r in results if r["status"] != r["native"]["status"]}),
    }


UNREST_NS, UNREST_SHARE = 10, 0.25  # rounds that differ by more are told of
HEAD = ("%-12s %-17s %9s %9s %9s %9s %7s %7s %7s %8s %9s  %s" % (
    "workload", "tool", "events", "native ms", "target ns", "helper ns", "wall x", "CPU x",
    "B/event", "+RSS MiB", "lost", "note"))


def line(tool, f):
    notes = []
    if f["failed"]:
        notes.append("ended with %s" % ", ".join(map(str, f["failed"])))
    # the counter's own variables are in the environment, which programs copy
    if f["told"] is not None and f["told"] < f["events"] * 0.9999:
        notes.append("tells nothing of %d counted events" % (f["events"] - f["told"]))
    if f["frames"] == 0:
        notes.append("walked no stack")
    if f["spread_ns"] > max(UNREST_NS, f["target_ns"] * UNREST_SHARE):
        notes.append("target +- %.0f ns" % f["spread_ns"])
    return ("%-12s %-17s %9d %9.0f %9.1f %9.1f %7.2f %7.2f %7.2f %8.1f %9d  %s" % (
        f["workload"], tool, f["events"], f["native_ms"], f["target_ns"], f["recorder_ns"],
        f["wall_ratio"], f["cpu_ratio"], f["bytes"], f["added_mib"], f["lost"],
        "; ".join(notes))).rstrip()


def chosen(names, wanted, what):
    if not wanted:
        return list(names)
    unknown = [x for x in wanted.split(",") if x not in names]
    if unknown:
        sys.exit("bench: no %s %s; there are: %s" % (what, ", ".join(unknown), ", ".join(names)))
    return [x for x in names if x in wanted.split(",")]


def read_options():
    parser = argparse.ArgumentParser(prog="./dev bench capture",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", help="folder for traces (default: the temporary folder)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of mb's 1,000,000 pairs")
    parser.add_argument("--workloads", help="some of them, with commas")
    parser.add_argument("--tools", help="some of them, with commas")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    return options


def main():
    options = read_options()
    shared = os.environ.get("HEAPSTRATA_SHARED", os.path.join(ROOT, "..", "shared"))
    path = os.path.join(shared, "bench")
    if not os.path.exists(os.path.join(path, "src", "mb.c")):
        sys.exit("bench: skipped: the measuring kit is not in %s (set HEAPSTRATA_SHARED)" % path)
    kit = capture_tools.Kit(path, os.path.join(options.build, "tests", "bench", "kit"))
    os.environ["HEAPSTRATA_LIBEXEC"] = os.path.join(options.build, "src", "capture")
    found, skipped = capture_tools.workloads(kit, options.scale)
    bench = Bench(options, kit)
    for reason in skipped + bench.skipped:
        print("skipped " + reason, file=sys.stderr)
    tools = chosen(bench.tools, options.tools, "tool")
    results = {}
    if not options.json:
        print(HEAD, flush=True)
    try:
        for name in chosen(found, options.workloads, "workload"):
            here = [tool for tool in tools if name in WHERE.get(tool, (name,))
                    and (tool == "off" or not name.endswith("-long"))]
            results[name] = bench.measure(found[name], name, here, options.rounds)
            if not options.json:
                for tool, f in results[name].items():
                    print(line(tool, f), flush=True)
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print()
    for text in verdicts(results):
        print(text)


if __name__ == "__main__":
    main()
