#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks the window by role, name and keyboard alone, and compares every number it reads with what
the command line says of the same trace."""

import os
import re
import subprocess
import sys
import tempfile
from random import Random

from desktop import (Atspi, Failure, Viewer, Walk, cli, equal, is_showing, numbers, press,
                     table_rows, type_text, wait_for, walk)
from figures import check_histogram, check_peak, check_totals, check_tree, figure, short

BUILD = sys.argv[1]
DEMO = os.path.join(BUILD, "data/heapstrata-demo.etl")
SHARED = os.environ.get("HEAPSTRATA_SHARED") or os.path.join(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))), "shared")
ROLE = Atspi.Role
CHART = "Outstanding over time"


def range_of(viewer):
    """The ends of the range in seconds, as text to be handed to the command line."""
    ends = re.fullmatch(r"From (\S+) s to (\S+) s", figure(viewer, "^range "))
    return ends[1], ends[2]


def options_of(viewer):
    begin, end = range_of(viewer)
    return ["--from", begin, "--to", end]


def select_by_keyboard(viewer):
    viewer.focus(ROLE.CHART, CHART)
    press("Home")
    for _ in range(3):
        press("Page_Down")
    for _ in range(4):
        press("Shift+Page_Down")
    press("Shift+Right")
    viewer.text("^time .* s$")


def check_random_ranges(viewer):
    """Whatever range is drawn, by keyboard as by any other way, all views show what the command
    line counts between its ends."""
    random = Random(4)
    for _ in range(4):
        viewer.focus(ROLE.CHART, CHART)
        press("Escape")
        press("Home")
        for keys, most in (("Page_Down", 6), ("Right", 8), ("Shift+Page_Down", 5),
                           ("Shift+Right", 8)):
            for _ in range(random.randrange(most)):
                press(keys)
        press("Shift+Right")
        viewer.text("^time .* s$")
        options = options_of(viewer)
        try:
            check_totals(viewer, DEMO, *options)
            check_peak(viewer, DEMO, *options)
            check_histogram(viewer, DEMO, *options)
            check_tree(viewer, "top-down", DEMO, *options)
        except Failure as failure:
            raise Failure("%s: %s" % (" ".join(options), failure)) from None
    press("Escape")
    wait_for("the range to go", lambda: not viewer.has(ROLE.LABEL, "^time "))


def filter_steps(steps, viewer):
    """The entry: every term becomes a chip, and all views show what the command line counts."""
    def ask(words, chips, *options):
        entry = viewer.find(ROLE.TEXT, "^Filter$")
        press("Control+f")
        wait_for("the focus on the entry",
                 lambda: entry.get_state_set().contains(Atspi.StateType.FOCUSED))
        type_text(words)
        for chip in chips:
            viewer.text(chip)
        check_totals(viewer, DEMO, *options)
        return entry

    def typed():
        words = "picture_DEC lifetime:<1s size:1k.."
        options = ["--frames", "picture_dec", "--lifetime", "<1s", "--size", "1k.."]
        chips = ["^name: picture_DEC$", "^lived up to 1.00 s$", "^size 1.0 KiB or more$"]
        entry = ask(words, chips, *options)
        check_tree(viewer, "top-down", DEMO, *options)
        check_histogram(viewer, DEMO, *options)
        check_peak(viewer, DEMO, *options)
        press("Return")
        wait_for("the entry to be free", lambda: entry.get_character_count() == 0)
        check_totals(viewer, DEMO, *options)

    def more():
        ask("thread:4243 module:demo", ["^thread 4243$", "^module: demo$"], "--thread", "4243",
            "--module", "demo", "--frames", "picture_dec", "--lifetime", "<1s", "--size", "1k..")
        viewer.click(ROLE.PUSH_BUTTON, "^Remove name: ")
        viewer.click(ROLE.PUSH_BUTTON, "^Remove size ")
        check_totals(viewer, DEMO, "--thread", "4243", "--module", "demo", "--lifetime", "<1s")

    def removed_by_keyboard():
        press("Control+f")
        for chip, options in (("lived", ["--thread", "4243", "--module", "demo"]),
                              ("thread", ["--module", "demo"])):
            button = viewer.find(ROLE.PUSH_BUTTON, "^Remove %s " % chip)
            for _ in range(12):
                if not button.get_state_set().contains(Atspi.StateType.FOCUSED):
                    press("Tab")
            press("space")
            wait_for("the chip to go", lambda chip=chip: not viewer.has(ROLE.LABEL,
                                                                        "^%s " % chip))
            check_totals(viewer, DEMO, *options)
            press("Control+f")

    def wrong():
        press("Escape")  # what is typed ended when a chip went
        wait_for("the chips to go", lambda: not viewer.has(ROLE.LABEL, "^module: "))
        entry = ask("size:4q", [])
        viewer.text("^“4q” is no range of sizes")
        assert "4q" in entry.get_description(), entry.get_description()
        check_totals(viewer, DEMO)

    def taken_back():
        press("Escape")
        wait_for("the phrase to go", lambda: not viewer.has(ROLE.LABEL, "no range of sizes"))
        entry = ask("nobody", ["^name: nobody$"], "--frames", "nobody")
        press("Escape")
        wait_for("the chip to go", lambda: not viewer.has(ROLE.LABEL, "^name: "))
        wait_for("the entry to be free", lambda: entry.get_character_count() == 0)
        check_totals(viewer, DEMO)
        viewer.focus(ROLE.CHART, CHART)

    steps.step("a filter typed: chips, totals, tree, histogram and peak of the options", typed)
    steps.step("more terms, and chips taken away", more)
    steps.step("chips taken away by keyboard alone", removed_by_keyboard)
    steps.step("a wrong term is told in a phrase and changes nothing", wrong)
    steps.step("Escape takes back what is typed", taken_back)


def walk_demo(steps):
    viewer = Viewer(BUILD, DEMO)

    def loaded():
        check_totals(viewer, DEMO)
        check_peak(viewer, DEMO)
        check_tree(viewer, "top-down", DEMO)

    def names():
        unnamed = [node for node in walk(viewer.frame) if is_showing(node) and
                   node.get_role() in (ROLE.PUSH_BUTTON, ROLE.TOGGLE_BUTTON, ROLE.RADIO_BUTTON,
                                       ROLE.CHART, ROLE.TREE_TABLE, ROLE.TABLE) and
                   not (node.get_name() or "").strip()]
        equal("widgets without a name", [n.get_role_name() for n in unnamed], [])

    def marks():
        chart = viewer.find(ROLE.CHART, CHART)
        n = chart.get_child_count()
        if n < 100:
            raise Failure("the timeline has %d marks" % n)
        columns = cli(BUILD, "timeline", DEMO, "--columns", str(n))["columns"]
        for i in (0, n // 3, n - 1):
            name = chart.get_child_at_index(i).get_name()
            expected = "%s outstanding in %s blocks" % (
                short(columns[i]["live_bytes"]), "{:,}".format(columns[i]["live_count"]))
            if expected not in name:
                raise Failure("mark %d: %r is not %r" % (i, name, columns[i]))

    def sparklines():
        table = viewer.find(ROLE.TREE_TABLE, "top-down")
        rows = cli(BUILD, "tree", DEMO, "--depth", "1", "--metric", "outstanding")["rows"]
        expected = {row["label"]: "%s at the end, of which %s stay" % (2 * (short(
            row["inclusive"]["outstanding_bytes"]),)) for row in rows}
        wait_for("curves of the rows", lambda: {
            row[0].split(" ")[0]: row[-1].split(", ", 1)[-1] for row in table_rows(table, 99)
            if row[0].split(" ")[0] in expected} == expected)

    def histogram():
        check_histogram(viewer, DEMO, *options_of(viewer))

    def selected():
        select_by_keyboard(viewer)
        options = options_of(viewer)
        if float(options[3]) - float(options[1]) < 1:
            raise Failure("the range is %r" % options)
        check_totals(viewer, DEMO, *options)
        check_peak(viewer, DEMO, *options)
        check_tree(viewer, "top-down", DEMO, *options)

    def bottom_up():
        press("Alt+2")
        check_tree(viewer, "bottom-up", DEMO, "--bottom-up", *options_of(viewer))

    def findings():
        press("Alt+4")
        viewer.find(ROLE.TABLE, "^Findings$")
        press("Alt+1")
        viewer.find(ROLE.TREE_TABLE, "top-down")

    def sizes():
        chart = viewer.focus(ROLE.CHART, "Allocation sizes")
        press("Home")
        press("Right")
        press("Right")
        name = chart.get_child_at_index(2).get_name()
        press("Return")
        viewer.text("^size ")
        low, high = re.match(r"(\d+) B - (\d+) B", name).groups()
        check_totals(viewer, DEMO, "--size", "%s..%s" % (low, high), *options_of(viewer))
        viewer.click(ROLE.PUSH_BUTTON, "^Remove size")
        wait_for("the chip to go", lambda: not viewer.has(ROLE.LABEL, "^size "))
        check_totals(viewer, DEMO, *options_of(viewer))

    def back():
        viewer.click(ROLE.PUSH_BUTTON, "^Back$")
        viewer.text("^size ")
        viewer.focus(ROLE.CHART, CHART)
        press("Alt+Left")
        wait_for("the chip to go", lambda: not viewer.has(ROLE.LABEL, "^size "))
        viewer.text("^time ")
        press("Escape")
        wait_for("the range to go", lambda: not viewer.has(ROLE.LABEL, "^time "))
        check_totals(viewer, DEMO)

    def peak_of_range():
        select_by_keyboard(viewer)
        expected = cli(BUILD, "timeline", DEMO, "--columns", "1", *options_of(viewer))
        viewer.focus(ROLE.CHART, CHART)
        press("p")
        viewer.text("^alive at ")
        total = check_totals(viewer, DEMO, *options_of(viewer))
        equal("alive at the range's peak", total["outstanding_bytes"], expected["max_bytes"])
        press("Escape")
        wait_for("the moment to go", lambda: not viewer.has(ROLE.LABEL, "^alive at "))

    def peak():
        viewer.focus(ROLE.CHART, CHART)
        press("p")
        viewer.text("^alive at ")
        options = options_of(viewer)
        total = check_totals(viewer, DEMO, *options)
        # the moment is told to the nanosecond and is that of the peak
        equal("alive at the peak", total["outstanding_bytes"],
              cli(BUILD, "timeline", DEMO, "--columns", "1")["max_bytes"])
        press("Escape")

    def metric():
        viewer.click(ROLE.RADIO_BUTTON, "^Total$")
        viewer.click(ROLE.RADIO_BUTTON, "^Blocks$")
        table = viewer.find(ROLE.TREE_TABLE, "top-down")
        answer = cli(BUILD, "tree", DEMO, "--metric", "total", "--blocks", "--depth", "1")["rows"]
        wait_for("the tree by blocks", lambda: table_rows(table, 1)[0][1] == "{:,}".format(
            answer[0]["inclusive"]["total_count"]))
        viewer.click(ROLE.RADIO_BUTTON, "^Outstanding$")
        viewer.click(ROLE.RADIO_BUTTON, "^Bytes$")

    def hot_path():
        table = viewer.focus(ROLE.TREE_TABLE, "top-down")
        before = table.get_table_iface().get_n_rows()
        press("Left")
        press("Left")
        press("space")
        wait_for("open rows", lambda: table.get_table_iface().get_n_rows() >= min(before, 3))

    def zoom():
        chart = viewer.focus(ROLE.CHART, CHART)
        whole = chart.get_description()
        press("Home")
        press("plus")
        wait_for("another range shown", lambda: chart.get_description() != whole)
        press("0")
        wait_for("the whole again", lambda: chart.get_description() == whole)

    steps.step("a trace given as argument is read, totals and tree as the command line's", loaded)
    steps.step("everything has an accessible name", names)
    steps.step("marks of the timeline tell the columns of `timeline`", marks)
    steps.step("sparklines end with what is outstanding", sparklines)
    steps.step("bars of the histogram tell the classes of `histogram`", histogram)
    steps.step("a range by keyboard: figures, peak and tree of `--from --to`", selected)
    steps.step("the histogram of the range", histogram)
    steps.step("bottom-up", bottom_up)
    steps.step("findings", findings)
    steps.step("a size class filters, its chip takes it away", sizes)
    steps.step("back, and Escape clears", back)
    steps.step("p goes to the peak of the selected range", peak_of_range)
    steps.step("P goes to the peak: what is alive there is the peak", peak)
    steps.step("metric and unit", metric)
    steps.step("Space opens the hot path", hot_path)
    steps.step("plus zooms, 0 shows the whole", zoom)
    steps.step("random ranges: everything as the command line's",
               lambda: check_random_ranges(viewer))
    filter_steps(steps, viewer)
    steps.step("it ends without a warning", viewer.close)
    viewer.kill()


def walk_processes(steps):
    trace = os.path.join(SHARED, "data/etl-heap/pid-reuse.etl")
    if not os.path.exists(trace):
        print("# no %s: switching processes is not tested" % trace)
        return
    viewer = Viewer(BUILD, trace)

    def all_processes():
        viewer.text("allocations?$")
        viewer.click(ROLE.PUSH_BUTTON, "^Remove ")
        viewer.find(ROLE.TOGGLE_BUTTON, "^All processes$")
        check_totals(viewer, trace)

    def other_process():
        processes = cli(BUILD, "processes", trace)["processes"]
        wanted = sorted((p for p in processes if p["opened"] > 0), key=lambda p: p["opened"])[0]
        viewer.click(ROLE.TOGGLE_BUTTON, "^All processes$")
        table = viewer.find(ROLE.TABLE, "^Processes$")

        def selected():
            iface = table.get_table_iface()
            return next((r for r in range(iface.get_n_rows()) if iface.is_row_selected(r)), None)

        press("Home")
        wait_for("the first row", lambda: selected() == 0)
        rows = [row[1:3] for row in table_rows(table, 99)]
        target = rows.index([str(wanted["pid"]), "{:,}".format(wanted["opened"])])
        for row in range(1, target + 1):
            press("Down")
            wait_for("row %d" % row, lambda row=row: selected() == row)
        press("Return")
        check_totals(viewer, trace, "--process",
                     "%d:%d" % (wanted["pid"], wanted["instance"]))

    steps.step("all processes together", all_processes)
    steps.step("another process from the list", other_process)
    steps.step("it ends without a warning", viewer.close)
    viewer.kill()


def walk_loading(steps):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "long.etl")
        subprocess.run([os.path.join(BUILD, "tests/bench/make_history"), "etl", "5000000", path],
                       check=True)
        viewer = Viewer(BUILD, path)

        def first_picture():
            viewer.text(r"^Reading long.etl: \d+ % of .* MiB, [\d,]+ events$")
            table = viewer.find(ROLE.TREE_TABLE, "top-down")
            wait_for("rows while reading", lambda: table_rows(table, 1))
            assert viewer.has(ROLE.LABEL, "^Reading "), "it was read before the first picture"

        def cancelled():
            viewer.click(ROLE.PUSH_BUTTON, "^Cancel$")
            wait_for("the progress to go", lambda: not viewer.has(ROLE.LABEL, "^Reading "))
            n_allocated, n_bytes = numbers(figure(viewer, "allocations?$"))
            assert 0 < n_allocated < 2300000 and n_bytes > 0, (n_allocated, n_bytes)

        steps.step("the first picture stands before the file is read", first_picture)
        steps.step("Cancel keeps what is there", cancelled)
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()


def walk_findings(steps):
    trace = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "../traces/broken/heaptrack-cycle.txt")
    viewer = Viewer(BUILD, trace)

    def same_as_told():
        told = [[row["title"], "{:,}".format(row["count"])]
                for row in cli(BUILD, "findings", trace)["findings"]]
        assert len(told) > 2, told
        viewer.find(ROLE.PUSH_BUTTON, r"\b%d findings$" % len(told))
        press("Alt+4")
        table = viewer.find(ROLE.TABLE, "^Findings$")
        shown = [row[:2] for row in table_rows(table)]
        assert shown == told, (shown, told)

    steps.step("the findings are those of the command line", same_as_told)
    steps.step("it ends without a warning", viewer.close)
    viewer.kill()


RECENT = """<?xml version="1.0" encoding="UTF-8"?>
<xbel version="1.0" xmlns:bookmark="http://www.freedesktop.org/standards/desktop-bookmarks"
  xmlns:mime="http://www.freedesktop.org/standards/shared-mime-info"><bookmark href="file://%s"
  added="2026-01-01T00:00:00Z" modified="2026-01-01T00:00:00Z" visited="2026-01-01T00:00:00Z">
  <info><metadata owner="http://freedesktop.org"><mime:mime-type type="text/plain"/>
  <bookmark:applications><bookmark:application name="Heapstrata" exec="&apos;x %%u&apos;"
  modified="2026-01-01T00:00:00Z" count="1"/></bookmark:applications></metadata></info>
  </bookmark></xbel>
"""


def pick_elsewhere(path):
    """What GTK writes down of a file that was picked in a chooser of ours."""
    os.makedirs(os.environ["XDG_DATA_HOME"], exist_ok=True)
    with open(os.path.join(os.environ["XDG_DATA_HOME"], "recently-used.xbel"), "w") as out:
        out.write(RECENT % path)


def walk_errors(steps):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "noise.etl")
        with open(path, "wb") as out:
            out.write(b"this is no trace\n" * 500)
        pick_elsewhere(__file__)
        viewer = Viewer(BUILD, path)

        def told():
            viewer.text("kind that is not read|damaged|could not be")
            viewer.text("^Open a heap trace$")

        def remembered():
            viewer.text("^noise.etl$")
            assert not viewer.has(ROLE.LABEL, "^%s$" % os.path.basename(__file__))

        steps.step("a file that is no trace: told, and the start page is back", told)
        steps.step("it lists what was opened, and nothing that was only picked", remembered)
        steps.step("it ends without a warning", viewer.close)
        viewer.kill()

    def no_display():
        environment = dict(os.environ, DISPLAY=":987", WAYLAND_DISPLAY="none")
        run = subprocess.run([os.path.join(BUILD, "ui/app/heapstrata-viewer"), DEMO], text=True,
                             stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
        equal("exit status", run.returncode, 1)
        equal("lines", len(run.stderr.splitlines()), 1)
        assert "cannot open display" in run.stderr, run.stderr

    steps.step("without a display: one line, status 1", no_display)


def walk_quit(steps):
    """Ctrl+Q closes each window as its own button does."""
    with tempfile.TemporaryDirectory() as folder:
        keyfile = os.path.join(folder, "glib-2.0", "settings", "keyfile")
        viewer = Viewer(BUILD, GSETTINGS_BACKEND="keyfile", XDG_CONFIG_HOME=folder)

        def remembered():
            press("Control+n")
            wait_for("two windows", lambda: len(list(viewer.windows())) == 2)
            viewer.close()
            assert os.path.exists(keyfile), "nothing is remembered"
            with open(keyfile) as read:
                assert "window-width=" in read.read()

        steps.step("Ctrl+Q closes all windows, and their size is remembered", remembered)
        viewer.kill()


def main():
    steps = Walk()
    walk_demo(steps)
    walk_processes(steps)
    walk_loading(steps)
    walk_findings(steps)
    walk_errors(steps)
    walk_quit(steps)
    steps.end()


if __name__ == "__main__":
    main()
