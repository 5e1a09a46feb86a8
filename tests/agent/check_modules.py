# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries that come and go while a program is recorded: load and unload records, and frames that
belong to the library of their time although another one had the address before.

A program whose parts have gaps between them is one module nevertheless, told once.

Usage: check_modules.py HEAPSTRATA PLUGGED FIRST.so SECOND.so SCRATCH GAPPED
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, PLUGGED, FIRST, SECOND, SCRATCH, GAPPED = map(os.path.abspath, sys.argv[1:7])
FUNCTIONS = {FIRST: "plugin_one", SECOND: "plugin_two"}
results = Results()
check = results.check


def ask(command, *arguments):
    done = subprocess.run([HEAPSTRATA, command, "--json", *arguments], capture_output=True,
                          text=True, timeout=120, check=False)
    return done.stdout


def build_id(path):
    """By another tool than ours."""
    out = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    return out.split("Build ID:")[1].split()[0]


def functions_of(path, size):
    """The allocating functions of the blocks of one size."""
    tree = json.loads(ask("tree", path, "--bottom-up", "--size", f"{size}..{size}", "--depth", "1"))
    return [(row["label"], row["module"]) for row in tree["rows"]]


def ids_by_load(events):
    """(path, build id) of each load of our libraries; in ETL the id comes in records of its own."""
    loads, newest = [], {}
    for event in events:
        if event["kind"] != "module" or event["op"] not in ("load", "identity"):
            continue
        if event["op"] == "load":
            newest[event["base"]] = [event["path"], event.get("build_id")]
            loads.append(newest[event["base"]])
        elif event["base"] in newest and "build_id" in event:
            newest[event["base"]][1] = event["build_id"]
    return [load for load in loads if load[0] in FUNCTIONS]


def turns(label, path, lines):
    """`lines`: (library, load bias, size) by turn."""
    events = [json.loads(line) for line in ask("dump", "--limit=0", path).splitlines()
              if line.startswith("{")]
    modules = [event for event in events if event["kind"] == "module"
               and (event.get("path") in FUNCTIONS or event["op"] == "unload")]
    loads = ids_by_load(events)
    told = [(event["op"], event.get("path"), event["base"]) for event in modules
            if event["op"] in ("load", "unload")]
    wanted = []
    for turn, (library, bias, _) in enumerate(lines):
        wanted.append(("load", library, bias))
        if turn < 3:
            wanted.append(("unload", None, bias))
    shown = [(op, where if op == "load" else None, int(base, 16)) for op, where, base in told]
    check(f"{label}: loads and unloads", shown == wanted, (shown, wanted))
    check(f"{label}: build ids", len(loads) == 5 and all(found == build_id(path)
                                                         for path, found in loads), loads)
    births = {event["size"]: event["time"] for event in events if event["kind"] == "alloc"
              and event["size"] in range(7001, 7006)}
    times = [event["time"] for event in modules if event["op"] in ("load", "unload")]
    order = sorted(times + list(births.values()))
    check(f"{label}: each in its time", times == sorted(times) and len(births) == 5 and
          [order.index(births[size]) for size in sorted(births)] == [1, 4, 7, 10, 12],
          (births, times))
    for library, _, size in lines:
        found = functions_of(path, size)
        check(f"{label}: the blocks of {size} bytes are {FUNCTIONS[library]}'s",
              found == [(FUNCTIONS[library], os.path.basename(library))], found)


def loaded_parts(path):
    """(begin, end) of each part, by another tool than ours."""
    out = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True,
                         check=True).stdout
    words = [line.split() for line in out.splitlines() if line.split()[:1] == ["LOAD"]]
    return [(int(word[2], 16), int(word[2], 16) + int(word[5], 16)) for word in words]


def gaps():
    path = os.path.join(SCRATCH, "modules-gaps.hst")
    subprocess.run([HEAPSTRATA, "record", "-o", path, "--", GAPPED], input="4321\n", text=True,
                   capture_output=True, timeout=120, check=False)
    parts = loaded_parts(GAPPED)
    found = [module for module in json.loads(ask("modules", path))["modules"]
             if module["path"] == GAPPED]
    check("gaps: it has some", max(b - a for (_, a), (b, _) in zip(parts, parts[1:])) > 4096, parts)
    check("gaps: one module, from its begin to its end",
          [(int(module["base"], 16), module["size"]) for module in found] ==
          [(parts[0][0], parts[-1][1] - parts[0][0])], (found, parts))
    check("gaps: its build id", [module["build_id"] for module in found] == [build_id(GAPPED)],
          found)
    check("gaps: names", functions_of(path, 4321) == [("step", "gapped")],
          functions_of(path, 4321))


def main():
    gaps()
    for extension in ("hst", "etl"):
        path = os.path.join(SCRATCH, f"modules.{extension}")
        done = subprocess.run([HEAPSTRATA, "record", "-o", path, "--", PLUGGED, FIRST, SECOND],
                              capture_output=True, text=True, timeout=120, check=False)
        check(f"{extension}: exit status", done.returncode == 0, (done.returncode, done.stderr))
        lines = [(line.split()[0], int(line.split()[1], 16), int(line.split()[2]))
                 for line in done.stdout.splitlines()]
        check(f"{extension}: the address was used again", len(lines) == 5 and
              len({bias for _, bias, _ in lines[:4]}) == 1 and lines[4][1] != lines[3][1], lines)
        turns(extension, path, lines)
        other = "modules-converted." + ("etl" if extension == "hst" else "hst")
        other = os.path.join(SCRATCH, other)
        if os.path.exists(other):
            os.unlink(other)
        subprocess.run([HEAPSTRATA, "convert", path, other], capture_output=True, timeout=120,
                       check=True)
        turns(f"{extension} converted", other, lines)
    return results.end()


sys.exit(main())
