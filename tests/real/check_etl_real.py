#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real ETL files of ../shared/data/etl through `heapstrata summary --json`.

Usage: check_etl_real.py PROGRAM. Figures are those of ../shared/data/README.md, counted by
independent readers, and of the baseline that PerfView made of one of the files. Nothing may be
damaged in them, every stack must find its event and every stack key its definition. Skips (77)
where the files are absent.

Two figures are one higher than in the README: the header buffer of these relogged files has a
stale SavedOffset, and readers that trust it lose a valid record (formats/etl.md 1.1).
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("HEAPSTRATA_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
FOLDER = os.path.join(SHARED, "data", "etl")
IMAGE_ID = "b3e675d7-2554-4f18-830b-2762732560de"

FILES = {
    "net.4.5.2.x64.etl.zip": {
        "events_total": 179474, "buffers": 360, "processes": 35, "modules": 1657,
        "records": {"StackWalk/32": 252, "StackWalk/35": 1909, "StackWalk/36": 1012,
                    "StackWalk/37": 2061, "StackWalk/38": 7046, "Image/3": 1763, "Image/4": 1766,
                    "Process/10": 35, "Image/2": 32, IMAGE_ID + "/36": 3534},
        "facts": {"stack.walks": 252, "stack.key_references": 2061 + 7046,
                  "stack.keys_resolved": 2061 + 7046, "stack.key_definitions": 1909 + 1012},
        "images": {"Test.x64.exe": 1, "PerfView.exe": 1, "Idle": 1, "System": 1}},
    "slow-ppt-trace.etl.zip": {
        "events_total": 505715, "buffers": 32,
        "records": {"StackWalk/32": 138474}, "facts": {"stack.walks": 138474},
        "header": {"perf_freq": 2143632}, "duration": 36599600 / 2143632},
    "ShutdownPerfDiagLogger.etl": {
        "events_total": 17078, "buffers": 49, "facts": {"stack.walks": 0}},
    "msbuild-ptr4.etl.zip": {
        "events_total": 5870 + 1, "buffers": 30, "header": {"pointer_size": 4}},
    "SelfDescribingSingleEvent.etl": {"events_total": 22 + 1, "buffers": 3},
    # process and image records of every version, 32 bit; of the 64-bit siblings the README says
    # that they hold nonsense, which must do no harm
    "syzygy/image_data_32_v0.etl": {"modules": 25},
    "syzygy/image_data_32_v1.etl": {"modules": 25},
    "syzygy/image_data_32_v2.etl": {"modules": 25},
    "syzygy/process_data_32_v1.etl": {"images": {"notepad.exe": 1}},
    "syzygy/process_data_32_v2.etl": {"processes": 4, "images": {"notepad.exe": 1, "smss.exe": 1}},
    "syzygy/process_data_32_v3.etl": {"processes": 4, "images": {"notepad.exe": 1, "smss.exe": 1}},
    "syzygy/image_data_64_v0.etl": {}, "syzygy/image_data_64_v1.etl": {},
    "syzygy/image_data_64_v2.etl": {}, "syzygy/process_data_64_v2.etl": {},
    "syzygy/process_data_64_v3.etl": {},
}

# PerfView's names of the records whose counts must be ours too (it leaves out idle samples)
BASELINE = {
    "Windows Kernel/Process/Start": "Process/1", "Windows Kernel/Process/Stop": "Process/2",
    "Windows Kernel/Process/DCStart": "Process/3", "Windows Kernel/Process/DCStop": "Process/4",
    "Windows Kernel/Process/Defunct": "Process/39",
    "Windows Kernel/Thread/Start": "Thread/1", "Windows Kernel/Thread/Stop": "Thread/2",
    "Windows Kernel/Image/Load": "Process/10", "Windows Kernel/Image/Unload": "Image/2",
    "Windows Kernel/Image/DCStart": "Image/3", "Windows Kernel/Image/DCStop": "Image/4",
    "Windows Kernel/Memory/HardFault": "PageFault/32",
    "KernelTraceControl/ImageID": IMAGE_ID + "/0",
    "KernelTraceControl/ImageID/None": IMAGE_ID + "/32",
    "KernelTraceControl/ImageID/DbgID_RSDS": IMAGE_ID + "/36",
    "KernelTraceControl/ImageID/DbgID_ILRSDS": IMAGE_ID + "/37",
    "KernelTraceControl/ImageID/FileVersion": IMAGE_ID + "/64",
}


def baseline():
    counts = {}
    with open(os.path.join(FOLDER, "net.4.5.2.x64.baseline.txt"), encoding="utf-8") as stream:
        for line in stream:
            match = re.match(r"COUNT (.+):([\d,]+)$", line.strip())
            if match:
                counts[match.group(1)] = int(match.group(2).replace(",", ""))
    return {BASELINE[name]: n for name, n in counts.items() if name in BASELINE}


def differences(report, expected):
    facts = report["facts"]
    pairs = [("issues", 0, report["issues"]["count"]), ("orphans", 0, facts.get("stack.orphans")),
             ("unresolved keys", 0, facts.get("stack.unresolved"))]
    processes = report["processes"]
    images = [process["image"] for process in processes]
    if "events_total" in expected:
        pairs += [("events_total", expected["events_total"], report["events_total"]),
                  ("sum of records", expected["events_total"], sum(report["records"].values())),
                  ("buffers", expected["buffers"], report["buffers"]["present"])]
    if "modules" in expected:  # kernel images apart
        pairs.append(("modules of processes", expected["modules"],
                      sum(process["modules"] for process in processes)))
    if "processes" in expected:
        pairs.append(("processes", expected["processes"], len(processes)))
    if "duration" in expected and abs(report["duration"] - expected["duration"]) > 1e-8:
        pairs.append(("duration", expected["duration"], report["duration"]))
    for group in ("records", "header", "facts"):
        pairs += [(group + "." + name, value, report[group].get(name))
                  for name, value in expected.get(group, {}).items()]
    pairs += [("processes called " + name, n, images.count(name))
              for name, n in expected.get("images", {}).items()]
    for name, wanted, found in pairs:
        if wanted != found:
            yield "%s: expected %s, found %s" % (name, wanted, found)


def main():
    program = sys.argv[1]
    failed = False
    if not os.path.isdir(FOLDER):
        print("skipped: no %s" % FOLDER)
        return 77
    expectations = dict(FILES)
    expectations["net.4.5.2.x64.etl.zip"]["records"].update(baseline())
    for name, expected in expectations.items():
        path = os.path.join(FOLDER, name)
        result = subprocess.run([program, "summary", "--json", path], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=300, check=False)
        if result.returncode != 0:
            sentences = ["exit %d: %s" % (result.returncode, result.stderr.decode()[-2000:])]
        else:
            sentences = list(differences(json.loads(result.stdout), expected))
        for sentence in sentences:
            print("%s: %s" % (name, sentence))
            failed = True
    print("%d files read" % len(expectations))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
