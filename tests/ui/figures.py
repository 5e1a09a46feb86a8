# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window says in numbers, held against the command line's answers about the same trace."""

import re

from desktop import Atspi, Failure, cli, equal, numbers, table_rows, wait_for

ROLE = Atspi.Role
N_ROWS = 5  # of a tree that are compared


def figure(viewer, pattern):
    """The exact text behind a figure of the status bar."""
    return viewer.text(pattern).get_description()


def check_totals(viewer, trace, *options):
    """Status bar against `histogram` or, with sizes, `tree`, and against `timeline`."""
    total = cli(viewer.build, "tree", trace, "--limit", "1", *options)["total"]

    def compare():
        allocated = numbers(figure(viewer, "allocations?$"))
        left = numbers(figure(viewer, "outstanding$"))
        net = numbers(figure(viewer, "net$"))
        return (allocated, left, net) == (
            [total["total_count"], total["total_bytes"]],
            [total["outstanding_count"], total["outstanding_bytes"]],
            [total["aifo_bytes"] - total["aofi_bytes"]])

    try:
        wait_for("figures", compare)
    except Failure:
        raise Failure("window: %s; %s; %s; command line: %s" % (
            figure(viewer, "allocations?$"), figure(viewer, "outstanding$"),
            figure(viewer, "net$"), total)) from None
    return total


def check_peak(viewer, trace, *options):
    peak = cli(viewer.build, "timeline", trace, "--columns", "1", *options)

    def shown():
        text = figure(viewer, "^peak ")
        return numbers(text)[0], float(re.search(r"at (\S+) s", text)[1])

    try:
        wait_for("the peak", lambda: shown() == (peak["max_bytes"], peak["peak_time"]))
    except Failure:
        equal("peak", shown(), (peak["max_bytes"], peak["peak_time"]))


def short(n_bytes):
    """As base/units.c writes bytes."""
    value, unit = float(n_bytes), 0
    units = ["B", "KiB", "MiB", "GiB"]
    while value >= 1023.95 and unit < 3:
        value /= 1024
        unit += 1
    return "%.*f %s" % (0 if unit == 0 else 1, value, units[unit])


def brief(n_bytes):
    """As a cell of a tree does."""
    return short(n_bytes) if n_bytes else "0"


def check_tree(viewer, name, trace, *options):
    """The first level as the command line has it: labels, the metric, blocks. Top-down rows below
    it may be open; bottom-up ones are closed, and compared in their order."""
    has_closed_rows = "--bottom-up" in options
    answer = cli(viewer.build, "tree", trace, "--metric", "outstanding", "--depth", "1", *options)
    is_unsure = answer["total"]["unsure_count"] > 0
    expected = [[("%s %s" % (row["label"], row["module"])).strip(),
                 brief(row["inclusive"]["outstanding_bytes"]),
                 "{:,}".format(row["inclusive"]["outstanding_count"]),
                 *([brief(row["inclusive"]["unsure_bytes"])] if is_unsure else [])]
                for row in answer["rows"] if row["depth"] == 1]
    table = viewer.find(ROLE.TREE_TABLE, name)

    def compare():
        rows = table_rows(table, 200)
        shown = [[row[0], row[1], *row[4:6 if is_unsure else 5]] for row in rows]
        if has_closed_rows:
            return shown[:N_ROWS] == expected[:N_ROWS]
        return all(row in shown for row in expected[:N_ROWS])

    try:
        wait_for("rows", compare)
    except Failure:
        raise Failure("window: %r; command line: %r" % (table_rows(table, 12),
                                                        expected[:N_ROWS])) from None


def check_histogram(viewer, trace, *options):
    """Every bar."""
    chart = viewer.find(ROLE.CHART, "Allocation sizes")
    classes = cli(viewer.build, "histogram", trace, *options)["classes"]
    wait_for("the bars", lambda: chart.get_child_count() == len(classes))
    for i, expected in enumerate(classes):
        told = "%s allocated (%s), %s outstanding (%s); whole trace %s (%s)" % (
            "{:,}".format(expected["total_count"]), short(expected["total_bytes"]),
            "{:,}".format(expected["outstanding_count"]), short(expected["outstanding_bytes"]),
            "{:,}".format(expected["whole_count"]), short(expected["whole_bytes"]))
        wait_for("bar %d to tell %r" % (i, told), lambda i=i, told=told:
                 told in chart.get_child_at_index(i).get_name())
