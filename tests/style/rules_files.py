# SPDX-License-Identifier: GPL-3.0-or-later
"""What each file must say at its top, how it is laid out, what it is called."""

import os
import re
import subprocess

from rules import rule

MIT = ("src/capture/agent/", "src/capture/ring/", "src/capture/unwind/")
GPL_LINE, MIT_LINE = "GPL-3.0-or-later", "MIT"
TAG = "SPDX-License-" + "Identifier: "


@rule("files: C files begin with their licence and what they are for",
      bad={"no licence": {"src/base/a.c": "/* Does this and that for everyone. */\n"},
           "no purpose": {"src/base/a.c": "/* %sGPL-3.0-or-later */\n#include <stdio.h>\n" % TAG},
           "wrong licence": {"src/capture/agent/a.c": "/* %sGPL-3.0-or-later */\n"
                                                      "/* What this is for. */\n" % TAG}},
      good={"fine": {"src/base/a.c": "/* %sGPL-3.0-or-later */\n"
                                     "/*\n * What this is for.\n */\n" % TAG}})
def check_c_head(tree):
    for path in tree.c_files():
        licence = MIT_LINE if path.startswith(MIT) else GPL_LINE
        lines = tree.lines(path) + ["", ""]
        if lines[0] != "/* %s%s */" % (TAG, licence):
            yield "%s: the first line must be /* %s%s */" % (path, TAG, licence)
        rest = "\n".join(lines[1:])
        purpose = re.match(r"/\*(.*?)\*/", rest, re.S)
        if not purpose or len(re.sub(r"[\s*]+", " ", purpose[1]).strip()) < 15:
            yield "%s: after the licence one comment says what the file is for" % path


@rule("files: scripts, templates and pictures name their licence and purpose",
      bad={"python": {"tests/a.py": '"""What this is for, at length."""\n'},
           "purpose": {"tests/a.py": "# %sGPL-3.0-or-later\nimport os\n" % TAG},
           "template": {"ui/views/a.ui": "<interface/>\n"}},
      good={"fine": {"tests/a.py": '#!/usr/bin/python3\n# %sMIT\n"""What it is for."""\n' % TAG}})
def check_other_heads(tree):
    scripts = set(tree.scripts("bash") + tree.match(".py", ".sh"))
    others = tree.match(".ui", ".css", ".svg", ".xml", under=("ui/", "data/"))
    for path in sorted(scripts | set(others)):
        head = "\n".join(tree.lines(path)[:8])
        if TAG not in head:
            yield "%s: no %sline at the top" % (path, TAG)
        if path in scripts and not re.search(r'^(#(?!!)(?! SPDX) *\w.{10}|""".{10})', head, re.M):
            yield "%s: no comment at the top that says what it is for" % path


@rule("files: names are unique in the tree",
      bad={"twins": {"src/base/a.c": "", "src/trace/a.c": ""}},
      good={"build files": {"src/base/meson.build": "", "src/trace/meson.build": ""}})
def check_unique(tree):
    seen = {}
    for path in tree.match(".c", ".h", ".py", ".sh", ".ui", ".css"):
        name = os.path.basename(path)
        if name in seen:
            yield "%s: its name is taken by %s" % (path, seen[name])
        seen.setdefault(name, path)


# A machine's own folders say nothing to anyone else. Written in pieces so as not to find itself.
MACHINE = re.compile(r"/(w" r"ork|f" r"arm|r" r"oot|home/[a-z]+)/|/tmp/bash_" r"jobs")


@rule("files: no paths of a machine",
      bad={"path": {"src/base/a.c": "/* see /wo" + "rk/notes */\n"}},
      good={"relative": {"src/base/a.c": "/* see ../shared/work/notes */\n"}})
def check_machine_paths(tree):
    for path in tree.paths:
        if path.startswith(("tests/traces/", "tests/fuzz/corpus/")):
            continue
        if "\0" in tree.text(path)[:4096]:
            continue
        for number, line in enumerate(tree.lines(path), 1):
            match = MACHINE.search(line)
            if match and (match.start() == 0 or line[match.start() - 1] not in ".\\w"
                          and not line[match.start() - 1].isalnum()):
                yield "%s:%d: %s" % (path, number, line.strip()[:80])


@rule("files: no blanks at line ends, no tabs in C, a newline at the end",
      bad={"blank": {"src/base/a.c": "int a; \n"}, "tab": {"src/base/a.c": "\tint a;\n"},
           "end": {"src/base/a.c": "int a;"}},
      good={"fine": {"src/base/a.c": "int a;\n"}})
def check_white_space(tree):
    for path in tree.match(".c", ".h", ".py", ".sh", ".ui", ".css", ".md", "meson.build"):
        text = tree.text(path)
        if text and not text.endswith("\n"):
            yield "%s: no newline at the end" % path
        for number, line in enumerate(text.split("\n"), 1):
            if line.rstrip() != line:
                yield "%s:%d: blanks at the end of the line" % (path, number)
            if "\t" in line and path.endswith((".c", ".h")):
                yield "%s:%d: a tab" % (path, number)


LLVM_STYLE = "BasedOnStyle: LLVM\nIndentWidth: 4\n"


@rule("files: laid out as clang-format does",
      bad={"layout": {".clang-format": LLVM_STYLE, "src/base/a.c": "int  a ;\n"}},
      good={"fine": {".clang-format": LLVM_STYLE, "src/base/a.c": "int a;\n"}}, tool="clang-format")
def check_format(tree):
    paths = tree.c_files()
    if not paths:
        return
    run = subprocess.run(["clang-format", "--dry-run", "--style=file", *paths], cwd=tree.root,
                         stderr=subprocess.PIPE, text=True, check=False)
    place_of = re.compile(r"^([^:\n]+:\d+):\d+: (?:warning|error): code should be", re.M)
    for place in sorted(set(place_of.findall(run.stderr))):
        yield "%s: clang-format -i would change this" % place
    if run.returncode != 0:
        yield run.stderr.strip()
