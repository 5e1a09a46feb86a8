#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares etl_counts with what independent readers counted in the files of ../shared/data.

Usage: check_etl_counts.py ETL_COUNTS. Skips (77) where the folder is absent.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.Path(os.environ.get("HEAPSTRATA_SHARED", HERE.parents[2] / "shared"))
STRUCTURAL = {"buffer-damaged", "decompression", "record-damaged", "extended-item", "truncated"}

# Header types: 1 SYS32, 2 SYS64, 10 FULL32, 17 PERF64, 18 EVT32, 19 EVT64, 20 FULL64. The figures
# stand in ../shared/data/README.md. "+ 1": its readers end the header buffer of relogged files at
# a stale SavedOffset and so miss its second record (formats/etl.md 1.1).
REAL = {
    "net.4.5.2.x64.etl.zip": {
        "buffers": 360,
        "events_total": 179474,
        "header_types": {"17": 100157, "19": 34765, "18": 33378, "20": 7956, "2": 3189,
                         "10": 27, "1": 2},
        "records": {"StackWalk/32": 252, "StackWalk/37": 2061, "StackWalk/38": 7046,
                    "StackWalk/35": 1909, "StackWalk/36": 1012, "Image/3": 1763, "Image/4": 1766,
                    "Process/10": 35, "Image/2": 32,
                    "b3e675d7-2554-4f18-830b-2762732560de/36": 3534},
    },
    "slow-ppt-trace.etl.zip": {
        "buffers": 32,
        "events_total": 505715,
        "records": {"StackWalk/32": 138474},
        "perf_freq": 2143632,
        "span": 36599600,
    },
    "ShutdownPerfDiagLogger.etl": {"buffers": 49, "events_total": 17078,
                                   "sums": {"Image/": 13683, "Thread/": 3058}},
    "msbuild-ptr4.etl.zip": {"buffers": 30, "events_total": 5870 + 1, "pointer_size": 4},
    "SelfDescribingSingleEvent.etl": {"buffers": 3, "events_total": 22 + 1},
}

failures = []


def expect(where, what, got, wanted):
    if got != wanted:
        failures.append(f"{where}: {what}: {got}, expected {wanted}")


def counts(program, path):
    done = subprocess.run([program, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        failures.append(f"{path.name}: exit status {done.returncode}: {done.stderr.decode()}")
        return None
    return json.loads(done.stdout)


def check_sound(where, got, is_sound):
    expect(where, "disorder", got["disorder"], 0)
    issues = sum(n for kind, n in got["notes"].items() if kind in STRUCTURAL)
    if is_sound:
        expect(where, "structural damage", issues, 0)
        expect(where, "other notes", set(got["notes"]) - STRUCTURAL - {"events-lost"}, set())
    elif issues == 0:
        failures.append(f"{where}: damage was not noticed")


def check_truth(program, path):
    truth = json.loads(path.with_suffix("").with_suffix(".truth.json").read_text())["report"]
    got = counts(program, path)
    if got is None:
        return
    where = path.name
    for name, wanted in truth["header"].items():
        expect(where, "header." + name, got["header"].get(name), wanted)
    expect(where, "records", got["records"], truth["records"])
    expect(where, "events_total", got["events_total"], truth["events_total"])
    if "buffers" in truth:
        expect(where, "buffers", got["buffers"], truth["buffers"]["present"])
    clock = {1: truth["header"]["perf_freq"], 2: 10**7, 3: truth["header"]["cpu_mhz"] * 10**6}
    duration = (got["last_time"] - got["header"]["record_ts"]) / clock[truth["header"]["clock"]]
    if abs(duration - truth["duration"]) > 1e-8:
        failures.append(f"{where}: duration {duration}, expected {truth['duration']}")
    check_sound(where, got, "issues" in truth)


def check_real(program, path, wanted):
    got = counts(program, path)
    if got is None:
        return
    for name in ("buffers", "events_total", "header_types"):
        if name in wanted:
            expect(path.name, name, got[name], wanted[name])
    for name, n in wanted.get("records", {}).items():
        expect(path.name, name, got["records"].get(name, 0), n)
    for prefix, n in wanted.get("sums", {}).items():
        total = sum(k for name, k in got["records"].items() if name.startswith(prefix))
        expect(path.name, prefix + "*", total, n)
    for name in ("perf_freq", "pointer_size"):
        if name in wanted:
            expect(path.name, name, got["header"][name], wanted[name])
    if "span" in wanted:
        expect(path.name, "span", got["last_time"] - got["header"]["record_ts"], wanted["span"])
    check_sound(path.name, got, True)


def unpacked(path, folder):
    if path.suffix != ".zip":
        return path
    with zipfile.ZipFile(path) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".etl"))
        return pathlib.Path(archive.extract(member, folder))


def main():
    program = sys.argv[1]
    data = SHARED / "data"
    if not (data / "etl-heap").is_dir():
        print(f"skipped: {data} has no traces")
        return 77
    cases = sorted((data / "etl-heap").glob("*.etl"))
    for path in cases:
        check_truth(program, path)
    with tempfile.TemporaryDirectory() as folder:
        for name, wanted in REAL.items():
            check_real(program, unpacked(data / "etl" / name, folder), wanted)
    syzygy = sorted((data / "etl" / "syzygy").glob("*.etl"))
    for path in syzygy:
        check_real(program, path, {})
    for failure in failures:
        print(failure)
    print(f"{len(cases)} cases, {len(REAL) + len(syzygy)} real traces, {len(failures)} differences")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
