#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records from the window and follows what others write, by keyboard alone: what the window shows
while it grows, and at the end against `heapstrata summary` of the finished file."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from desktop import (Atspi, Failure, Viewer, Walk, cli, equal, numbers, press, table_rows,
                     type_text, wait_for)
from figures import check_histogram, check_peak, check_totals, check_tree, figure

BUILD = sys.argv[1]
ROLE = Atspi.Role
CHART = "Outstanding over time"
HEAPSTRATA = os.path.join(BUILD, "src/cli/heapstrata")
DEMO = os.path.join(BUILD, "data/heapstrata-demo.etl")

# Grows until its file of orders says otherwise.
TARGET = """
import sys, time, os
orders = sys.argv[1]
kept = []
while True:
    with open(orders) as read:
        order = read.read().strip()
    if order == "end":
        break
    if order == "grow":
        kept.append(bytearray(5000 + len(kept) % 7 * 1000))
        scratch = [bytearray(700) for i in range(20)]
    time.sleep(0.002)
"""


# Draws, and makes widgets, twenty times a second.
GTK_TARGET = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
window = Gtk.OffscreenWindow()
box = Gtk.Box(visible=True)
window.add(box)
def grow():
    box.add(Gtk.Label(label="more", visible=True))
    return True
GLib.timeout_add(50, grow)
window.show()
Gtk.main()
"""


class Target:
    """A program that takes orders ("grow", "rest", "end"), or another."""

    def __init__(self, folder, program=TARGET):
        self.script = os.path.join(folder, "target.py")
        self.orders = os.path.join(folder, "orders")
        with open(self.script, "w") as out:
            out.write(program)
        self.order("grow")

    def order(self, word):
        with open(self.orders + ".new", "w") as out:
            out.write(word)
        os.rename(self.orders + ".new", self.orders)


def subtitle(viewer, pattern):
    """What the header says below the process; waits for it."""
    def matching():
        # the last one that read as it should: it stays, and a walk over all of them takes long
        nodes = viewer.found.get("subtitle") or list(viewer.find_all(ROLE.TOGGLE_BUTTON))
        viewer.found["subtitle"] = None
        for node in nodes:
            text = node.get_description() or ""
            if re.search(pattern, text):
                viewer.found["subtitle"] = [node]
                return text
        return None
    return wait_for("the subtitle " + pattern, matching)


def wait_for_growth(path):
    """The recording goes on, and the window, which looks ten times a second, could have seen it."""
    size = os.path.getsize(path)
    wait_for("a larger file", lambda: os.path.getsize(path) > size)
    time.sleep(0.4)


def fill_twice(viewer, dialog, output, **fields):
    """A file that is there is not replaced unasked."""
    with open(output, "w") as out:
        out.write("precious")
    fill(viewer, dialog, **fields)
    viewer.text("There is such a file already", dialog)
    with open(output) as read:
        equal("the file", read.read(), "precious")
    press("Return")


def titles(table):
    iface = table.get_table_iface()
    return [iface.get_column_header(i).get_name() for i in range(iface.get_n_columns())]


def shown_allocations(viewer):
    return numbers(figure(viewer, "allocations?$"))[0]


def fill(viewer, dialog, **fields):
    """By mnemonic, as the labels underline them."""
    for key, text in fields.items():
        press("Alt+" + key)
        press("Control+a")
        type_text(text)
    press("Return")


def check_end(viewer, path):
    """Everything the window shows is what the command line says of the file: totals, the peak, the
    first rows of both trees, the histogram."""
    check_totals(viewer, path)
    check_peak(viewer, path)
    check_tree(viewer, "top-down", path)
    check_histogram(viewer, path)
    press("Alt+2")
    check_tree(viewer, "bottom-up", path, "--bottom-up")
    press("Alt+1")


def walk_record(steps):
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder)
        output = os.path.join(folder, "live.hst")
        viewer = Viewer(BUILD)

        def refused():
            press("Control+r")
            dialog = viewer.find_window("Record a Program")
            fill(viewer, dialog, p="no-such-program-here")
            viewer.text("was not found", dialog)
            press("Escape")
            wait_for("the dialog to go", lambda: not viewer.has_window("Record a Program"))
            viewer.rest_pointer()

        def started():
            press("Control+r")
            dialog = viewer.find_window("Record a Program")
            fill(viewer, dialog, p="/usr/bin/python3", a="%s %s" % (target.script, target.orders),
                 w=output)
            viewer.rest_pointer()
            subtitle(viewer, r"^recording · .* events/s · 0 lost · ")
            wait_for("rows", lambda: table_rows(viewer.find(ROLE.TREE_TABLE, "top-down"), 1))

        def moves():
            before = shown_allocations(viewer)
            wait_for("more allocations", lambda: shown_allocations(viewer) > before)
            table = viewer.find(ROLE.TREE_TABLE, "top-down")
            curves = wait_for("curves of rows", lambda: [
                row[-1] for row in table_rows(table, 3) if "at the end" in row[-1]])
            wait_for("other curves", lambda: any(
                "at the end" in row[-1] and row[-1] not in curves for row in table_rows(table, 3)))

        def named():
            """Of libc and of python: one module has its names after the other."""
            def all_named():
                rows = table_rows(viewer.find(ROLE.TREE_TABLE, "top-down"))
                return all(any(name in row[0] for row in rows) for name in ("__libc_start", "Py_"))
            wait_for("names of functions", all_named)

        def rows_stay():
            table = viewer.focus(ROLE.TREE_TABLE, "top-down")
            press("Home")
            press("Down")
            press("Down")
            iface = table.get_table_iface()
            selected = 2
            wait_for("the third row selected", lambda: iface.is_row_selected(selected))
            before = table_rows(table, 12)
            for _ in range(3):
                seen = table_rows(table, 12)
                wait_for("other values", lambda seen=seen: table_rows(table, 12) != seen)
            now = table_rows(table, 12)
            equal("the rows", [row[0] for row in now], [row[0] for row in before])
            assert iface.is_row_selected(selected), "the selection moved"
            press("Left")
            wait_for("a closed row", lambda: iface.get_n_rows() < len(before) or
                     not table.get_table_iface().get_accessible_at(selected, 0).get_state_set()
                     .contains(Atspi.StateType.EXPANDED))

        def fixed_range():
            viewer.focus(ROLE.CHART, CHART)
            press("Home")
            press("Shift+Page_Down")
            viewer.text(r"^time [\d.]+ – [\d.]+ s$")
            time.sleep(0.3)
            before = shown_allocations(viewer)
            wait_for_growth(output)
            equal("allocations of a fixed range", shown_allocations(viewer), before)
            press("Escape")

        def open_range():
            viewer.focus(ROLE.CHART, CHART)
            press("End")
            press("Shift+Page_Up")
            viewer.text(r"^time [\d.]+ s – now$")
            before = shown_allocations(viewer)
            wait_for("the range to grow", lambda: shown_allocations(viewer) > before)
            press("Escape")

        def marked():
            viewer.focus(ROLE.CHART, CHART)
            for name in ("before the storm", "after it"):
                press("m")
                entry = viewer.find(ROLE.TEXT, "^Name of the mark$")
                wait_for("the keyboard in it", lambda entry=entry:
                         entry.get_state_set().contains(Atspi.StateType.FOCUSED))
                press("Control+a")
                type_text(name)
                press("Return")
                time.sleep(0.4)
            press("Alt+3")
            table = viewer.find(ROLE.TABLE, "^Marks$")
            rows = wait_for("two marks", lambda: len(table_rows(table)) == 2 and table_rows(table))
            equal("names", [row[0] for row in rows], ["before the storm", "after it"])
            ends = [float(row[1].split()[0]) for row in rows]
            assert ends[1] - ends[0] > 0.3, rows
            # a page that is switched makes GTK take the focus for the notebook's: ask for none
            for _ in range(2):
                press("bracketright")
            viewer.text(r"^time [\d.]+ – [\d.]+ s$")
            exact = viewer.text("^range ").get_description()
            span = re.fullmatch(r"From (\S+) s to (\S+) s", exact)
            assert [round(float(end), 3) for end in span.groups()] == ends, (span[0], ends)
            press("Escape")
            press("Alt+1")
            viewer.find(ROLE.TREE_TABLE, "top-down")

        def paused():
            press("Control+p")
            subtitle(viewer, "^view paused · ")
            time.sleep(0.3)
            before = shown_allocations(viewer)
            wait_for_growth(output)
            equal("allocations while paused", shown_allocations(viewer), before)
            press("Control+p")
            subtitle(viewer, "^recording · ")
            wait_for("more allocations", lambda: shown_allocations(viewer) > before)

        def doubted():
            """What lives now may be freed while nothing is recorded, what comes later cannot."""
            pids = [process["pid"] for process in cli(BUILD, "processes", output)["processes"]]
            table = viewer.find(ROLE.TREE_TABLE, "top-down")
            assert "Unsure" not in titles(table), titles(table)
            for order in ("pause", "resume"):
                subprocess.run([HEAPSTRATA, order, str(pids[0])], check=True)
            wait_for("the column of doubts", lambda: "Unsure" in titles(table))
            at = titles(table).index("Unsure")
            wait_for("sure growth beside what is unsure", lambda: next(
                (row for row in table_rows(table, 1) if row[at] not in ("0", row[1])), None))

        def stopped():
            press("Control+e")
            subtitle(viewer, r"^live.hst · .* events")
            check_end(viewer, output)
            dump = subprocess.run([HEAPSTRATA, "dump", output],
                                  stdout=subprocess.PIPE, text=True, check=False).stdout
            assert re.search("before the storm.*after it", dump, re.S), "marks are not in the file"
            assert not viewer.has(ROLE.PUSH_BUTTON, "^Stop$")

        steps.step("Record…: a program that is not there is told in the dialog", refused)
        steps.step("Record…: the window follows from the first event on", started)
        steps.step("figures and curves of rows move while it runs", moves)
        steps.step("functions get their names while it runs", named)
        steps.step("rows keep their place and the selection while values move", rows_stay)
        steps.step("a range in the past stands still", fixed_range)
        steps.step("a range that reaches the newest event grows", open_range)
        steps.step("M names a moment, ] selects from mark to mark", marked)
        steps.step("Pause: the picture stands, the recording goes on", paused)
        steps.step("a gap: rows say what may have been freed in it", doubted)
        steps.step("Stop: the window shows what the file says", stopped)
        target.order("end")
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()


def walk_frees(steps, freers):
    """A short program, recorded with its children and the stacks of its frees."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "frees.hst")
        viewer = Viewer(BUILD)

        def recorded():
            press("Control+r")
            dialog = viewer.find_window("Record a Program")
            for name in ("Children, too", "who frees it"):
                viewer.find(ROLE.CHECK_BOX, name, dialog).get_action_iface().do_action(0)
            fill_twice(viewer, dialog, output, p=freers, a=" ", w=output)
            viewer.rest_pointer()
            subtitle(viewer, r"^frees.hst · .* events")
            check_end(viewer, output)

        def freed_by():
            press("Alt+7")
            table = viewer.find(ROLE.TREE_TABLE, "^Call tree of frees$")
            shown = wait_for("names", lambda: [row[0].split()[0] for row in table_rows(table)
                                               if "ender_one" in row[0]])
            assert shown == ["ender_one"], shown
            for name in ("(not freed)", "grower"):
                assert any(row[0].startswith(name) for row in table_rows(table)), table_rows(table)

        def untold():
            press("Alt+1")
            press("Alt+7")
            viewer.text("no call stacks of frees")

        steps.step("a program that has ended is shown whole", recorded)
        steps.step("Freed by: the functions that freed", freed_by)
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()
        viewer = Viewer(BUILD, DEMO)
        steps.step("Freed by: says that a trace has no such stacks", untold)
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()


def leave_socket(pid):
    """What a recorder leaves behind that was killed."""
    folder = os.path.join(os.environ["XDG_RUNTIME_DIR"], "heapstrata")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stale:
        stale.bind(os.path.join(folder, str(pid)))


def walk_attach(steps):
    """The list of processes: search, and who cannot be attached to says why."""
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder)
        source = os.path.join(folder, "static.c")
        static = os.path.join(folder, "static-server")
        with open(source, "w") as out:
            out.write("#include <unistd.h>\nint main (void) { return pause (); }\n")
        programs = [subprocess.Popen(["/usr/bin/python3", target.script, target.orders])]
        leave_socket(programs[0].pid)
        has_static = subprocess.run(["cc", "-static", "-o", static, source],
                                    stderr=subprocess.DEVNULL, check=False).returncode == 0
        if has_static:
            programs.append(subprocess.Popen([static]))
        viewer = Viewer(BUILD)
        window = "Attach to a Process"

        def rows():
            return table_rows(viewer.find(ROLE.TABLE, "^Running processes$",
                                          viewer.find_window(window)), 99)

        def searched():
            press("Control+t")
            viewer.find_window(window)
            wait_for("the list", rows)
            type_text(target.script)
            row = wait_for("one row", lambda: len(rows()) == 1 and rows()[0])
            equal("pid", row[1], str(programs[0].pid))
            # the socket of a recorder that is gone is no refusal
            assert target.orders in row[3] and re.fullmatch(r"[\d.]+ [KM]iB", row[2]), row

        def greyed():
            if not has_static:
                print("# a static program cannot be made here")
                return
            press("Control+a")
            type_text("static-server")
            row = wait_for("one row", lambda: len(rows()) == 1 and rows()[0])
            equal("why not", row[3], "is statically linked")
            button = viewer.find(ROLE.PUSH_BUTTON, "^Attach$", viewer.find_window(window))
            assert not button.get_state_set().contains(Atspi.StateType.SENSITIVE)

        def none():
            press("Control+a")
            type_text("nothing of that name")
            viewer.text("^No process fits the search$", viewer.find_window(window))

        def left():
            press("Escape")
            wait_for("the dialog to go", lambda: not viewer.has_window(window))
            viewer.rest_pointer()

        steps.step("Attach…: the search finds a process by its command line", searched)
        steps.step("Attach…: a static program says why not, and cannot be chosen", greyed)
        steps.step("Attach…: a search without an answer says so", none)
        steps.step("Attach…: Escape leaves it", left)
        target.order("end")
        for program in programs:
            program.kill()
            program.wait()
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()


def may_attach():
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder)
        with subprocess.Popen(["/usr/bin/python3", target.script, target.orders]) as process:
            told = subprocess.run([HEAPSTRATA, "attach", "-o", os.path.join(folder, "try.hst"),
                                   "--duration", "1ms", str(process.pid)], text=True,
                                  stderr=subprocess.PIPE, check=False).stderr
            target.order("end")
    if "ptrace" in told:
        print("# this machine does not let us attach: " + told)
    return "ptrace" not in told


def walk_attached(steps, name, program):
    """Watches a program that runs already, and lets go of it."""
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder, program)
        output = os.path.join(folder, "attached.hst")
        process = subprocess.Popen(["/usr/bin/python3", target.script, target.orders])
        viewer = Viewer(BUILD)

        def choose():
            press("Control+t")
            dialog = viewer.find_window("Attach to a Process")
            table = viewer.find(ROLE.TABLE, "^Running processes$", dialog)
            wait_for("the list", lambda: table_rows(table))
            type_text(target.script)
            row = wait_for("one row", lambda: len(table_rows(table)) == 1 and table_rows(table)[0])
            return dialog, row

        def watched():
            dialog, _ = choose()
            viewer.find(ROLE.CHECK_BOX, "who frees it", dialog).get_action_iface().do_action(0)
            fill_twice(viewer, dialog, output, w=output)
            viewer.rest_pointer()
            subtitle(viewer, r"^recording · .* events/s · 0 lost · ")
            before = wait_for("events", lambda: shown_allocations(viewer))
            wait_for("more allocations", lambda: shown_allocations(viewer) > before)

        def refused():
            _, row = choose()
            equal("why not", row[3], "is being recorded already")
            press("Escape")
            viewer.rest_pointer()

        def let_go():
            viewer.find(ROLE.PUSH_BUTTON, "^Detach$")
            press("Control+e")
            subtitle(viewer, r"^attached.hst · .* events")
            check_end(viewer, output)
            assert process.poll() is None, "the program did not survive"
            press("Alt+7")
            viewer.find(ROLE.TREE_TABLE, "^Call tree of frees$")

        steps.step("Attach…: %s is followed from now on" % name, watched)
        steps.step("Attach…: who is recorded cannot be a second time", refused)
        steps.step("Detach: %s goes on, the window shows what the file says" % name, let_go)
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()
        process.kill()
        process.wait()


def walk_growing_etl(steps):
    with tempfile.TemporaryDirectory() as folder, open(DEMO, "rb") as demo:
        path = os.path.join(folder, "growing.etl")
        content = demo.read()
        with open(path, "wb", buffering=0) as out:
            out.write(content[:len(content) // 3])
            viewer = Viewer(BUILD, path)

            def followed():
                subtitle(viewer, "^live · ")
                before = wait_for("some events", lambda: shown_allocations(viewer))
                out.write(content[len(content) // 3:len(content) // 2])
                wait_for("more", lambda: shown_allocations(viewer) > before)
                assert not viewer.has(ROLE.PUSH_BUTTON, "^Stop$"), "not ours to stop"

            def completed():
                out.write(content[len(content) // 2:])
                subtitle(viewer, "^growing.etl · ")
                check_end(viewer, path)

            steps.step("an ETL file that is being written is followed", followed)
            steps.step("when it is complete, the window shows what the file says", completed)
            steps.step("it ends without a warning", viewer.close)
            viewer.kill()


def main():
    steps = Walk()
    walk_record(steps)
    walk_frees(steps, os.path.abspath(sys.argv[2]))
    walk_attach(steps)
    if may_attach():
        walk_attached(steps, "python3", TARGET)
        walk_attached(steps, "a GTK program", GTK_TARGET)
    walk_growing_etl(steps)
    steps.end()


if __name__ == "__main__":
    main()
