#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench window`: how long the main loop is busy at a time, while a large trace is read,
while ranges are selected and filters typed, and while a busy program is recorded: thread CPU time
of a turn of the loop, and beside it the time that passed, which other programs lengthen; in which
functions turns over 16 ms were seen; and how long it takes until all answers are seen. BUILD
[MILLIONS-OF-EVENTS [SECONDS]], 5 and 10 unless told; ETL has no more than 5 million. Nothing passes
or fails here."""

import collections
import json
import os
import subprocess
import sys
import tempfile
import time

from desktop import Atspi, Viewer, cli, press, type_text, wait_for

BUILD = sys.argv[1]
MILLIONS = float(sys.argv[2]) if len(sys.argv) > 2 else 5
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 10
CHART = "Outstanding over time"


# Making the window and closing it are told apart: nobody waits for an answer then.
START_SECONDS = 1.5


def share(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)]


def report_waits(name, waits, of):
    """What lies between an act of the user and the end of what it began."""
    if not waits:
        return
    wall, cpu = [wait[0] for wait in waits], [wait[1] for wait in waits]
    print("%-22s %s, %d times: median %.1f ms, p99 %.1f ms; CPU of all threads: "
          "median %.1f ms, p99 %.1f ms" % (name, of, len(waits), share(wall, 50), share(wall, 99),
                                           share(cpu, 50), share(cpu, 99)))


def names_of(frames):
    """{(file, offset): function} by our own addr2line."""
    names = {}
    for path in {path for path, _ in frames if os.path.exists(path)}:
        offsets = sorted({offset for at, offset in frames if at == path})
        found = subprocess.run(
            [os.environ["HEAPSTRATA_PROGRAM"], "addr2line", "--json", "--offline", path,
             *("%x" % offset for offset in offsets)], stdout=subprocess.PIPE, check=False)
        for entry in json.loads(found.stdout or '{"addresses": []}')["addresses"]:
            if entry["frames"]:
                names[path, int(entry["address"], 16)] = entry["frames"][-1]["function"]
    return names


def report_slow(turns):
    """Where the thread was seen: for each turn the function of ours and the one it was in."""
    stacks = [stack for turn in turns for stack in turn["stacks"]]
    names = names_of({tuple(frame) for stack in stacks for frame in stack})
    for turn in turns:
        seen = collections.Counter()
        for stack in turn["stacks"]:
            called = [names.get(tuple(frame), os.path.basename(frame[0])) for frame in stack]
            own = [call for (path, _), call in zip(stack, called) if "heapstrata" in path]
            seen["%s (%s)" % (" < ".join(own[:3]), " < ".join(called[:2]))] += 1
        print("    %.1f ms at %.1f s: %s" % (turn["ms"], turn["at"], "; ".join(
            "%d× %s" % (n, where) for where, n in seen.most_common(4))))


def report(name, path, closed_at):
    with open(path) as read:
        found = json.load(read)
    closed_at -= found["began"]
    shown = [(ms, at) for at, ms in found["worst"] if START_SECONDS <= at < closed_at] + [(0, 0)]
    around = [ms for at, ms in found["worst"] if not START_SECONDS <= at < closed_at] + [0]
    report_waits(name, found["motion"], "motion of a drag to finished frame")
    report_waits(name, found["typing"], "last letter to finished frame")
    report_waits(name, found["giving_way"], "another filter to the end of older questions")
    print("%-22s %5d turns, worst %5.2f ms (at %.1f s), %d over 16 ms, p99 %5.2f ms (time %.2f "
          "ms), %.2f s CPU; opening and closing the window: worst %.2f ms; first picture after "
          "%.0f ms" % (
              name, found["turns"], *max(shown), sum(ms > 16 for ms, _ in shown), found["p99_ms"],
              found["wall_p99_ms"], found["cpu_seconds"], max(around), found["first_picture_ms"]),
          flush=True)
    report_slow([turn for turn in found["slow"] if turn["at"] >= START_SECONDS])


def measure(name, folder, arguments, drive):
    path = os.path.join(folder, "times")
    viewer = Viewer(BUILD, *arguments, HEAPSTRATA_DISPATCH_TIMES=path)
    drive(viewer)
    closed_at = time.monotonic()
    viewer.close()
    report(name, path, closed_at)


def drag_by_pointer(viewer, pause):
    """A range is drawn across the chart and back; so long is it between two motions."""
    box = viewer.find(Atspi.Role.CHART, CHART).get_extents(Atspi.CoordType.SCREEN)
    y, left, width = box.y + box.height // 2, box.x + 90, box.width - 120
    Atspi.generate_mouse_event(left, y, "abs")
    Atspi.generate_mouse_event(left, y, "b1p")
    steps = [*range(0, 100), *range(100, 30, -1)]
    for step in steps if pause < 0.1 else steps[::4]:
        Atspi.generate_mouse_event(left + step * width // 100, y, "abs")
        time.sleep(pause)
    Atspi.generate_mouse_event(left + width // 3, y, "b1r")
    time.sleep(1)


def drag_slowly(viewer):
    """All that is asked is answered, curves of the rows too, before the next motion."""
    drag_by_pointer(viewer, 0.3)


def drag_quickly(viewer):
    """A motion each 60th of a second: those that come before the frame are counted as one."""
    for _ in range(3):
        drag_by_pointer(viewer, 1 / 60)


FILTERS = ("size:1k..4k", "thread:101", "lifetime:<1ms", "heap:0x1000")


def type_filters(viewer):
    """Letter by letter as quickly as one types; each is taken back when it is answered."""
    for words in FILTERS:
        press("Control+f")
        for letter in words:
            type_text(letter)
            time.sleep(0.06)
        time.sleep(4)
        press("Escape")
        time.sleep(2)


def replace_filters(viewer):
    """While a slow one is worked on, it is taken back, and written over by another."""
    for words in FILTERS:
        for keys in ("Escape", "Control+a"):
            press("Control+f")
            type_text(words)
            time.sleep(0.6)
            press(keys)
            if keys != "Escape":
                type_text("size:>1M")
                time.sleep(4)
                press("Escape")
            time.sleep(2)


def drag(viewer):
    viewer.focus(Atspi.Role.CHART, CHART)
    press("Home")
    for _ in range(25):
        press("Shift+Page_Down")
    for _ in range(10):
        press("plus")
    for _ in range(10):
        press("Page_Down")
    press("0")
    press("Escape")


def is_read(viewer):
    return not viewer.has(Atspi.Role.LABEL, "^(Opening|Reading) ")


def wait_until_read(viewer):
    """Also for the curve, on which ranges are drawn. Asking takes time of the main loop: not all
    the time."""
    time.sleep(1)
    while not is_read(viewer) or \
            viewer.find(Atspi.Role.CHART, CHART).get_child_count() == 0:
        time.sleep(2)
    time.sleep(2)


def measure_recording(folder):
    """As recorders leave it when they are killed, and with its index."""
    recording = os.path.join(folder, "large.hst")
    subprocess.run([os.path.join(BUILD, "tests/bench/bench_ranges"), str(int(MILLIONS * 1e6)),
                    recording, "1"], stdout=subprocess.DEVNULL, check=True)
    print("%.0f MiB, %.1f million events" % (os.path.getsize(recording) / 2**20, MILLIONS))
    measure("reading a recording", folder, [recording], wait_until_read)
    subprocess.run([os.environ["HEAPSTRATA_PROGRAM"], "index", recording],
                   stdout=subprocess.DEVNULL, check=True)

    def in_turn(act):
        def drive(viewer):
            wait_until_read(viewer)
            act(viewer)
        return drive

    measure("dragging, 3 a second", folder, [recording], in_turn(drag_slowly))
    measure("dragging, 60 a second", folder, [recording], in_turn(drag_quickly))
    measure("typing filters", folder, [recording], in_turn(type_filters))
    measure("replacing filters", folder, [recording], in_turn(replace_filters))


# Lists of 40 blocks, of which one stays: about 80 events each, so many every ten milliseconds.
ALLOCATING = """
import time
due, end, kept = time.time(), time.time() + %f, []
while due < end:
    for each in range(%d):
        kept.append([bytearray(600 + i) for i in range(40)][:1])
    due = max(due + 0.01, time.time() - 0.05)
    time.sleep(max(0, due - time.time()) * %d)
"""


def measure_live(name, folder, lists_at_once):
    """While a program is recorded that makes about a million events a second, or all it can."""
    recording = os.path.join(folder, "live.hst")
    code = ALLOCATING % (SECONDS + 5, lists_at_once or 1000, lists_at_once is not None)
    program = subprocess.Popen(
        [os.environ["HEAPSTRATA_PROGRAM"], "record", "-o", recording, "--", "/usr/bin/python3",
         "-c", code], stderr=subprocess.DEVNULL)
    began = time.monotonic()
    wait_for("the recording", lambda: os.path.exists(recording))

    def live(viewer):
        time.sleep(SECONDS / 2)
        drag(viewer)
        time.sleep(SECONDS / 2)

    measure(name, folder, [recording], live)
    seconds = time.monotonic() - began
    program.terminate()
    program.wait()
    told = cli(BUILD, "summary", recording)["totals"]
    n = told["allocs"] + told["frees"] + told["reallocs"]
    print("%s: %.2f million events recorded, %.2f a second" % (name, n / 1e6, n / 1e6 / seconds))
    os.remove(recording)


def main():
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "large.etl")
        maker = os.path.join(BUILD, "tests/bench/make_history")
        millions = min(MILLIONS, 5)
        subprocess.run([maker, "etl", str(int(millions * 1e6)), trace], check=True)
        print("%.0f MiB, %.1f million events" % (os.path.getsize(trace) / 2**20, millions))

        def read_and_drag(viewer):
            wait_until_read(viewer)
            drag(viewer)

        measure("reading ETL", folder, [trace], wait_until_read)
        measure("reading, then ranges", folder, [trace], read_and_drag)
        os.remove(trace)
        measure_recording(folder)
        measure_live("live", folder, 125)
        measure_live("live, at full speed", folder, None)


if __name__ == "__main__":
    main()
