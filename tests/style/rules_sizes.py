# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a header, a file, a function and a list of parameters may be."""

from rules import Warn, rule
from tree import bare_c, functions

HEADER_LINES, FILE_LINES, FILE_LINES_WISHED = 200, 900, 600
FUNCTION_LINES, FUNCTION_LINES_WISHED = 100, 60
PARAMETERS = 6


def body(n):
    return "int f (void)\n{\n" + "    x ();\n" * (n - 2) + "}\n"


@rule("sizes: headers up to 200 lines, .c up to 900 (600 wished)",
      bad={"header": {"src/base/a.h": "\n" * 400}, "file": {"src/base/a.c": "\n" * 901}},
      good={"fine": {"src/base/a.c": "\n" * 900, "src/base/a.h": "\n" * 200}})
def check_files(tree):
    for path in tree.c_files():
        n = len(tree.lines(path))
        # the vocabulary of all events stands together in one header
        limit = 300 if path == "src/event/heap_event.h" else HEADER_LINES
        if path.endswith(".h") and n > limit:
            yield "%s: %d lines, a header has at most %d" % (path, n, limit)
        if path.endswith(".c") and n > FILE_LINES:
            yield "%s: %d lines, a file has at most %d" % (path, n, FILE_LINES)
        elif path.endswith(".c") and n > FILE_LINES_WISHED:
            yield Warn("%s: %d lines: two things in one room?" % (path, n))


@rule("sizes: functions up to 100 lines (60 wished)",
      bad={"long": {"src/base/a.c": body(101)}}, good={"fine": {"src/base/a.c": body(100)}})
def check_functions(tree):
    for path in tree.match(".c", under=("src/", "ui/", "tests/")):
        for name, _, line, n in functions(tree.text(path)):
            if n > FUNCTION_LINES:
                yield "%s:%d: %s has %d lines" % (path, line, name, n)
            elif n > FUNCTION_LINES_WISHED:
                yield Warn("%s:%d: %s has %d lines" % (path, line, name, n))


@rule("sizes: at most 6 parameters",
      bad={"seven": {"src/base/a.c": "int f (int a, int b, int c, int d,\n"
                                      "       int e, int f, int g)\n{\n}\n"}},
      good={"six": {"src/base/a.c": "int f (int a, int (*b) (int, int), int c,\n"
                                    "       int d, int e, int f)\n{\n}\n"}})
def check_parameters(tree):
    for path in tree.match(".c", under=("src/", "ui/", "tests/")):
        for name, parameters, line, _ in functions(tree.text(path)):
            # GTK and libdwfl decide what a handler is given
            is_handler = path.startswith(("ui/", "src/symbols/")) and name.startswith("on_")
            if len(parameters) > PARAMETERS and not is_handler:
                yield "%s:%d: %s takes %d parameters" % (path, line, name, len(parameters))


@rule("sizes: lines up to 100 columns",
      bad={"wide": {"src/base/a.py": "x" * 101 + "\n"}},
      good={"fine": {"src/base/a.py": "ü" * 100 + "\n"}})
def check_columns(tree):
    for path in tree.match(".c", ".h", ".py", ".css", ".sh"):
        for number, line in enumerate(tree.lines(path), 1):
            # clang-format leaves long string literals alone, and so do we
            if len(line) > 100 and (path.endswith((".py", ".css", ".sh"))
                                    or len(bare_c(line).rstrip(' ",;)')) > 100):
                yield "%s:%d: %d columns" % (path, number, len(line))
