#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real trace of Windows (net.4.5.2.x64 of ../shared/data/etl) by a reader of its own
(tests/lib/etl_reader.py): its modules have their GUIDs, ages, sizes and addresses. It records no
heap, so its call stacks are put under heap blocks in a second trace (tests/traces/etl): every frame
must come to stand under the module that it lies in, at the right offset, and `modules` must tell
how much memory each hides.

Usage: check_windows_modules.py PROGRAM"""

import bisect
import collections
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "traces", "etl")]
import etl_reader  # noqa: E402
import etl_writer as w  # noqa: E402
from tap import Results  # noqa: E402

PROGRAM = sys.argv[1]
SHARED = os.environ.get("HEAPSTRATA_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")
TRACE = os.path.join(SHARED, "data", "etl", "net.4.5.2.x64.etl.zip")
KERNEL = 0xFFFF000000000000
HEAP, TID = 0x1F0000, 7

results = Results()
check = results.check


def run(*args):
    out = subprocess.run([PROGRAM, *args, "--json", "--no-symbols", "--limit", "0"], text=True,
                         capture_output=True, check=True)
    return json.loads(out.stdout)


def owner(pid, base):
    """None: the kernel's."""
    return None if pid == 0 or (pid == 4 and base >= KERNEL) else pid


def identities(records):
    """(pid, base) -> GUID as stored and age, as the last DbgID_RSDS says."""
    found = {}
    for record in records:
        if record.group == etl_reader.IMAGE_ID and record.opcode == 36:
            p, data = record.pointer, record.payload
            base, pid = record.pointer_at(0), record.u32_at(p)
            found[owner(pid, base), base] = (bytes(data[p + 4:p + 20]).hex(), record.u32_at(p + 20),
                                             etl_reader.ansi(data, p + 24)[0])
    return found


def images(records):
    """(pid, base) -> sizes and paths told of it: loads, unloads and rundowns may differ."""
    found = {}
    for record in records:
        if record.group == 0x14 and record.opcode in (2, 3, 4, 10) or (
                record.group == 0x03 and record.opcode == 10):
            fields = etl_reader.image_fields(record)
            key = owner(fields["pid"], fields["base"]), fields["base"]
            found.setdefault(key, []).append((fields["size"], fields["path"]))
    return found


def check_modules(records):
    told, wanted = identities(records), images(records)
    modules = run("modules", TRACE)["modules"]
    here = {}
    for module in modules:
        here.setdefault((module["pid"], int(module["base"], 16)), []).append(module)
    check("%d modules of %d processes" % (len(wanted), len({pid for pid, _ in wanted})),
          len(wanted) > 1600 and set(here) == set(wanted),
          (len(here), len(wanted), list(set(here) ^ set(wanted))[:5]))
    wrong = [(key, told_of) for key, told_of in wanted.items()
             if not here.get(key) or any((m["size"], m["path"]) not in told_of for m in here[key])]
    check("their sizes and paths", not wrong, wrong[:5])
    loads = {(owner(f["pid"], f["base"]), f["base"])
             for r in records if r.group == 0x03 and r.opcode == 10
             for f in [etl_reader.image_fields(r)]}
    seen = {key for key, some in here.items() if any(m["load"] is not None for m in some)}
    check("the %d loads have a time, others were there before" % len(loads), seen == loads,
          list(seen ^ loads)[:5])
    wrong = [(key, identity) for key, identity in told.items()
             if key in wanted and not any((m["build_id"], m["pdb_age"], m["debug_name"]) == identity
                                          for m in here.get(key, []))]
    check("GUID, age and PDB of %d of them" % len(told), len(told) > 1500 and not wrong, wrong[:5])


class Space:
    """The modules of one process that do not overlap, by address."""

    def __init__(self, ranges):
        self.ranges, end = [], 0
        for base, size in sorted(ranges):
            if base >= end:
                self.ranges.append((base, size))
                end = base + size
        self.bases = [base for base, _ in self.ranges]

    def find(self, address):
        """The base of the module that a return address belongs to."""
        at = bisect.bisect_right(self.bases, address - 1) - 1
        if at < 0 or address - 1 >= self.ranges[at][0] + self.ranges[at][1]:
            return None
        return self.ranges[at][0]


def real_stacks(records):
    """pid -> distinct stacks, each (kernel part, user part)."""
    parts, unresolved = etl_reader.resolve_stacks(records)
    check("all stack keys are defined", unresolved == 0, unresolved)
    stacks = collections.defaultdict(set)
    for (_, pid, _), pieces in parts.items():
        kernel = tuple(a for kind, addresses in pieces for a in addresses if kind == 0 and a)
        user = tuple(a for kind, addresses in pieces for a in addresses if kind == 1 and a)
        if kernel or user:
            stacks[pid].add((kernel, user))
    return stacks


def write_heap_trace(path, modules, stacks):
    """A block per stack, of 1, 2, 3 … KiB; returns [(pid, stack, bytes)]."""
    records = [w.system(w.PROCESS, 3, w.T0 + 1, w.process(pid, "p%d.exe" % pid), version=4)
               for pid in sorted(stacks)]
    for (pid, base), (size, name) in sorted(modules.items(), key=str):
        records.append(w.system(w.IMAGE, 3, w.T0 + 2, w.image(base, size, pid or 0, name)))
    blocks, time = [], w.T0 + 100
    for pid, some in sorted(stacks.items()):
        for kernel, user in sorted(some):
            time += 10
            n = 1024 * (len(blocks) + 1)
            records.append(w.system(w.HEAP, 0x21, time, w.alloc(HEAP, 0x100000 + 4096 * time, n),
                                    pid=pid, tid=TID))
            for i, part in enumerate(p for p in (kernel, user) if p):
                records.append(w.perfinfo(w.STACK, 32, time + 1 + i,
                                          w.stack(time, pid, TID, *part)))
            blocks.append((pid, kernel + user, n))
    with open(path, "wb") as file:
        file.write(w.filled(records, n=0x10000))
    return blocks


def check_frames(folder, records):
    ranges = collections.defaultdict(list)
    known = images(records)
    for (pid, base), told_of in known.items():
        ranges[pid].append((base, told_of[0][0]))
    spaces = {pid: Space(some) for pid, some in ranges.items()}
    modules = {(pid, base): known[pid, base][0] for pid, space in spaces.items()
               for base, _ in space.ranges}
    stacks = real_stacks(records)
    path = os.path.join(folder, "stacks.etl")
    blocks = write_heap_trace(path, modules, stacks)

    frames, hidden, labels = collections.defaultdict(set), collections.Counter(), \
        collections.Counter()
    n_frames = n_attributed = 0
    for pid, addresses, n in blocks:
        seen = set()
        for depth, address in enumerate(addresses):
            key = None if address >= KERNEL else pid
            base = spaces[key].find(address) if key in spaces else None
            n_frames += 1
            n_attributed += base is not None
            if base is not None:
                frames[key, base].add(address)
                seen.add((key, base))
            if depth == 0:
                name = modules[key, base][1].split("\\")[-1] if base is not None else ""
                labels["%s+0x%x" % (name, address - base) if name else "0x%x" % address] += n
        for module in seen:
            hidden[module] += n
    answer = {(m["pid"], int(m["base"], 16)): m for m in run("modules", path)["modules"]}
    wrong = [(key, len(frames[key]), m["frames"], hidden[key], m["hidden_bytes"])
             for key, m in answer.items()
             if (len(frames[key]), hidden[key], 0) !=
             (m["frames"], m["hidden_bytes"], m["named_frames"])]
    check("%d stacks, %d frames, %d of them in modules: under the right ones, hiding so many bytes"
          % (len(blocks), n_frames, n_attributed),
          len(blocks) > 1000 and n_attributed > n_frames // 2 and not wrong, wrong[:5])
    found = collections.Counter()
    for row in run("tree", "--bottom-up", "--metric", "outstanding", "--show-allocator-frames",
                   path)["rows"]:
        if row["depth"] == 1:
            found[row["label"]] += row["inclusive"]["outstanding_bytes"]
    check("%d places by module and offset, or address" % len(labels), found == labels,
          list((found - labels).items())[:3] + list((labels - found).items())[:3])
    text = subprocess.run([PROGRAM, "modules", "--no-symbols", path], text=True,
                          capture_output=True, check=True).stdout
    check("the share of bytes that a module hides is told", " %)" in text, text[:400])


def main():
    if not os.path.exists(TRACE):
        print("1..0 # SKIP %s is not there" % TRACE)
        return 0
    with zipfile.ZipFile(TRACE) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".etl"))
        trace = etl_reader.Trace(archive.read(name))
    check_modules(trace.records)
    with tempfile.TemporaryDirectory() as folder:
        check_frames(folder, trace.records)
    return results.end()


sys.exit(main())
