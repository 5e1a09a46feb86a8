#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `heapstrata convert` writes, seen by the second reader (tests/lib/etl_reader.py).

    check_encoder.py HEAPSTRATA DEMO.etl

Converts the sample trace and every real file of ../shared/data, and checks each: the rules of
formats/etl.md section 12 byte by byte, block totals by the rules of its section 7.4 against
`heapstrata summary --json`, and the summary of the result against that of the source.
The demo is always there; without ../shared/data the rest is skipped, saying so.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import etl_blocks  # noqa: E402
import etl_reader  # noqa: E402

SHARED = os.environ.get("HEAPSTRATA_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
BUFFER = 0x10000
KEY_RUNDOWN, KEY_KERNEL, KEY_USER = 36, 37, 38
EXACT = ("opened", "opened_bytes", "live_count", "live_bytes", "exit_count", "exit_bytes",
         "destroy_count", "destroy_bytes", "outstanding_count", "outstanding_bytes")
EXACT_UNLESS_STANDALONE = ("allocs", "frees", "reallocs", "peak_bytes", "unmatched_frees",
                           "duplicate_allocs", "realloc_inplace", "realloc_summary")


class Checks:
    """Collects sentences about one file; the same one only a few times."""

    def __init__(self, name):
        self.name, self.n_failed = name, 0

    def __call__(self, is_right, sentence, *values):
        if not is_right:
            self.n_failed += 1
            if self.n_failed <= 10:
                print("%s: %s" % (self.name, sentence % values))


def check_buffers(check, trace):
    last = len(trace.buffers) - 1
    for i, buffer in enumerate(trace.buffers):
        check(buffer.size == BUFFER, "buffer %d has %d bytes", i, buffer.size)
        check(buffer.saved == buffer.used == buffer.current, "buffer %d: offsets differ", i)
        check(buffer.used % 8 == 0 and buffer.used > 0x48, "buffer %d ends at %d", i, buffer.used)
        check(buffer.fill == b"\xff" * (BUFFER - buffer.used), "buffer %d: fill is not FF", i)
        check(buffer.sequence == i, "buffer %d has sequence %d", i, buffer.sequence)
        check(buffer.state == 3 and buffer.references == 0 and buffer.cpu == 0,
              "buffer %d: state %d, cpu %d", i, buffer.state, buffer.cpu)
        check(buffer.kind == (4 if i == 0 else 0), "buffer %d has type %d", i, buffer.kind)
        check(buffer.flag & ~2 == (0x21 if i in (0, last) else 0x20), "buffer %d has flags %x", i,
              buffer.flag)
    check(trace.buffers[0].time == 0, "the header buffer has a time")


def check_header(check, trace):
    header, times = trace.header, [record.time for record in trace.records]
    expected = {"buffer_size": BUFFER, "version": (10, 0, 1, 5), "processors": 1,
                "mode": 0x10000000, "buffers_written": len(trace.buffers), "pointer_size": 8,
                "buffers_lost": 0, "perf_freq": 10 ** 9, "clock": 1,
                "end_filetime": header["start_filetime"] +
                (times[-1] - header["record_ts"]) // 100}
    for name, value in expected.items():
        check(header[name] == value, "header: %s is %s, not %s", name, header[name], value)
    check(header["start_filetime"] > 0 and header["boot_filetime"] < header["start_filetime"],
          "header: times are not set")
    check(all(record.time >= header["record_ts"] for record in trace.records),
          "a record lies before the start")


def check_records(check, trace):
    before = None
    for record in trace.records:  # one chain: the order of time must be that of the file
        place = (record.buffer, record.offset)
        check(before is None or place > before, "stamps decrease in buffer %d", record.buffer)
        before = place
        check(record.form in (2, 17, 19, 20), "record of header type %d", record.form)
        check(record.offset % 8 == 0, "record at %d", record.offset)
        gap = trace.buffers[record.buffer].data[
            record.offset + record.size:record.offset + (record.size + 7 & ~7)]
        check(not any(gap), "gap bytes behind a record are not 0")
        if record.group == 0x10:
            check(record.form == 2 and record.version == (3 if record.opcode in (0x20, 0x26)
                                                          else 2),
                  "%s has form %d, version %d", record.name(), record.form, record.version)
    stamps = {}
    for record in trace.records:
        if record.group == 0x10:
            seen = stamps.setdefault((record.pid, record.tid), set())
            check(record.time not in seen, "thread %d has two heap records at %d", record.tid,
                  record.time)
            seen.add(record.time)


def check_stacks(check, trace):
    first_reference, definitions, known_times = {}, {}, set()
    closing = next((i for i, record in enumerate(trace.records) if record.name() == "Process/4"),
                   len(trace.records))
    for i, record in enumerate(trace.records):
        if record.group != 0x18:
            known_times.add(record.time)
            continue
        check(record.form == 17 and record.version == 2, "stack record of form %d", record.form)
        if record.opcode == KEY_RUNDOWN:
            definitions.setdefault(record.u64_at(0), []).append((i, record.payload))
            check(len(record.payload) >= 16, "key %d has an empty list", record.u64_at(0))
        else:
            check(record.opcode in (KEY_KERNEL, KEY_USER), "stack record %d", record.opcode)
            check(record.u64_at(0) in known_times, "a stack comes before its event")
            check(record.u64_at(16) >= 1, "key 0")
            first_reference.setdefault(record.u64_at(16), i)
    last_reference = max((i for i, record in enumerate(trace.records)
                          if record.group == 0x18 and record.opcode != KEY_RUNDOWN), default=0)
    for key, found in definitions.items():
        check(key in first_reference, "key %d is never used", key)
        check(found[0][0] > first_reference.get(key, -1), "key %d comes before its use", key)
        check(len({payload for _, payload in found}) == 1, "key %d changes its meaning", key)
        check(any(last_reference < i < closing for i, _ in found),
              "key %d is not told again before the closing rundown", key)
    for key in first_reference:
        check(key in definitions, "key %d is never defined", key)


def check_processes(check, trace, may_end):
    alive = {}
    for record in trace.records:
        if record.group != 0x03 or record.opcode == 10:
            continue
        fields = etl_reader.process_fields(record)
        check(record.version == 4, "process record of version %d", record.version)
        if record.opcode == 2:
            check(may_end, "a process ends that did not end")
            alive.pop(fields["key"], None)
        elif record.opcode == 4:
            check(fields["key"] in alive, "DC end of an unknown process")
            alive.pop(fields["key"], None)
        else:
            alive[fields["key"]] = fields["pid"]
    check(not alive, "no DC end for %s", sorted(alive.values()))
    loaded = set()
    for record in trace.records:
        if record.name() in ("Process/10", "Image/2", "Image/3", "Image/4"):
            fields = etl_reader.image_fields(record)
            image = (fields["pid"], fields["base"])
            check(record.version == 3, "image record of version %d", record.version)
            if record.opcode in (10, 3):
                loaded.add(image)
            elif record.opcode == 2:
                loaded.discard(image)
    ends = {(f["pid"], f["base"]) for f in
            (etl_reader.image_fields(r) for r in trace.records if r.name() == "Image/4")}
    if not may_end:
        check(loaded <= ends, "images without DC end: %s", loaded - ends)


def check_totals(check, trace, summary):
    """Our summary of the file against the rules of 7.4 as the second reader applies them."""
    sums = etl_blocks.totals(trace)
    report, totals = sums.report(), summary["totals"]
    for name, value in report.items():
        check(totals[name] == value, "summary: %s is %s, counted %s", name, totals[name], value)
    if sums.peak_time is not None:
        check(abs(totals["peak_time"] - trace.seconds(sums.peak_time)) < 1e-8,
              "summary: the peak is at %s, found at %s", totals["peak_time"],
              trace.seconds(sums.peak_time))
    check(report["realloc_standalone"] == 0, "%d moving reallocs without their Alloc",
          report["realloc_standalone"])
    check(summary["issues"]["count"] == 0, "summary finds damage")
    check(summary["events_total"] == len(trace.records), "summary: %s records, found %d",
          summary["events_total"], len(trace.records))
    check(summary["records"] == trace.counts(), "summary: records differ")


def stacks_of(summary):
    """All stacks of a trace: numbers per (place of the process in pid order, frames)."""
    stacks = {}
    for process in summary["processes"]:
        for stack in process.get("stacks", ()):
            key = (process["pid"], process["instance"], tuple(stack["frames"]))
            stacks[key] = tuple(stack[name] for name in ("opened", "opened_bytes", "live_count",
                                                         "live_bytes"))
    return stacks


def check_same(check, before, after):
    """The summary of the source against that of the result."""
    old, new = before["totals"], after["totals"]
    names = EXACT
    if old["realloc_standalone"] == 0:
        names += EXACT_UNLESS_STANDALONE
        if old["peak_time"] is not None:
            check(abs(old["peak_time"] - new["peak_time"]) < 0.0005, "peak time %s became %s",
                  old["peak_time"], new["peak_time"])
    for name in names:
        check(old[name] == new[name], "%s: %s became %s", name, old[name], new[name])
    check(abs(before["duration"] - after["duration"]) < 0.0005, "duration %s became %s",
          before["duration"], after["duration"])
    check(stacks_of(before) == stacks_of(after), "stacks differ")
    pairs = [[(p["pid"], p["instance"], p["image"], p["is32"], p["start"] is None,
               p["end"] is None) for p in summary["processes"]] for summary in (before, after)]
    check(sorted(map(str, pairs[0])) == sorted(map(str, pairs[1])), "processes %s became %s",
          *pairs)
    check(before.get("pool") == after.get("pool"), "pool differs")
    virtual = [[p.get("virtual") for p in s["processes"]] for s in (before, after)]
    check(virtual[0] == virtual[1], "virtual memory %s became %s", *virtual)


def run(program, *arguments):
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError("%s ended with %d: %s" % (
            " ".join(arguments), done.returncode, done.stderr.decode("utf-8", "replace")))
    return json.loads(done.stdout), done.returncode


def check_file(program, source, folder):
    """Number of complaints about the conversion of one file."""
    check = Checks(os.path.basename(source))
    output = os.path.join(folder, "out.etl")
    if os.path.exists(output):
        os.unlink(output)
    said, status = run(program, "convert", "--json", source, output)
    check(status == (1 if said["input_is_damaged"] else 0), "convert ends with %d", status)
    trace = etl_reader.read(output)
    before, _ = run(program, "summary", "--json", source)
    after, status = run(program, "summary", "--json", output)
    check(status == 0, "summary of the result ends with %d", status)
    check(not trace.problems, "%s", trace.problems[:1])
    check(said["records"] == len(trace.records) and said["buffers"] == len(trace.buffers) and
          said["bytes"] == os.path.getsize(output), "convert miscounts its own file")
    check_buffers(check, trace)
    check_header(check, trace)
    check_records(check, trace)
    check_stacks(check, trace)
    check_processes(check, trace, any(p["end"] is not None for p in before["processes"]))
    check_totals(check, trace, after)
    check_same(check, before, after)
    return check.n_failed


def main(program, demo):
    sources = [demo]
    if os.path.isdir(os.path.join(SHARED, "data")):
        for pattern in ("heaptrack/heaptrack.*.gz", "heaptrack/heaptrack.*.zst",
                        "heaptrack/test_sysroot/heaptrack.test_sysroot.raw", "etl-heap/*.etl"):
            sources += sorted(glob.glob(os.path.join(SHARED, "data", pattern)))
    else:
        print("only the demo: no %s/data" % SHARED)
    n_failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            n_failed += check_file(program, source, folder)
    print("%d files converted, %d complaints" % (len(sources), n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
