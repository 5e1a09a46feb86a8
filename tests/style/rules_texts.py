# SPDX-License-Identifier: GPL-3.0-or-later
"""Translations: every text for people is known to gettext and complete in every language."""

import os
import re
import subprocess
import tempfile

from rules import rule
from tree import bare_c

MARKED = re.compile(r'(?<![\w])(_|N_|C_|NC_|ngettext|g_dngettext)\s*\(\s*("|[\w]+\s*,\s*")')
PO_HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
BUILD = "i18n.gettext('heapstrata', args: ['--from-code=UTF-8', '--keyword=_'])\n"


def has_text(tree, path):
    if path.endswith((".c", ".h")):
        text = bare_c(tree.text(path), keep_strings=True)
        return bool(MARKED.search(re.sub(r"^\s*#\s*define.*$", "", text, flags=re.M)))
    if path.endswith(".ui"):
        return 'translatable="yes"' in tree.text(path)
    return path.endswith((".desktop.in", ".metainfo.xml.in"))


def listed(tree):
    return [line for line in tree.lines("po/POTFILES.in") if line and not line.startswith("#")]


@rule("translations: POTFILES.in lists every file with a text, sorted",
      bad={"missing": {"po/POTFILES.in": "", "ui/app/a.c": 'x = _("Open");\n'},
           "stale": {"po/POTFILES.in": "ui/app/a.c\n", "ui/app/a.c": "int a;\n"}},
      good={"fine": {"po/POTFILES.in": "ui/app/a.c\n", "ui/app/a.c": 'x = N_ ("Open");\n'}})
def check_listed(tree):
    if "po/POTFILES.in" not in tree.paths:
        return
    names = listed(tree)
    if names != sorted(names):
        yield "po/POTFILES.in: not sorted"
    texts = [p for p in tree.match(".c", ".h", ".ui", ".in")
             if p.startswith(("src/", "ui/", "data/")) and has_text(tree, p)]
    for path in texts:
        if path not in names:
            yield "%s: has texts, add it to po/POTFILES.in" % path
    for path in names:
        if path not in texts:
            yield "po/POTFILES.in: %s has no text" % path


def po_tree(german, flags=""):
    entry = '%smsgid "Open"\nmsgstr "%s"\n' % (flags, german)
    return {"po/POTFILES.in": "ui/a.c\n", "po/meson.build": BUILD, "po/LINGUAS": "de\n",
            "ui/a.c": 'x = _("Open");\n', "po/de.po": PO_HEADER + entry}


@rule("translations: complete in every language, none fuzzy",
      bad={"untranslated": po_tree(""), "fuzzy": po_tree("Auf", "#, fuzzy\n"),
           "format": {**po_tree("Auf"), "ui/a.c": 'x = _("%d files");\n', "po/de.po":
                      PO_HEADER + '#, c-format\nmsgid "%d files"\nmsgstr "%s Dateien"\n'},
           "absent": {**po_tree("Auf"), "ui/a.c": 'x = _("Close");\n'}},
      good={"fine": po_tree("Öffnen")}, tool="xgettext")
def check_complete(tree):
    if not listed(tree):
        return
    arguments = re.findall(r"'(--[^']+)'", tree.text("po/meson.build"))
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="")

    def run(*command):
        return subprocess.run(command, cwd=tree.root, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)

    with tempfile.TemporaryDirectory() as scratch:
        pot = os.path.join(scratch, "new.pot")
        made = run("xgettext", *arguments, "-f", "po/POTFILES.in", "-o", pot)
        if made.returncode:
            yield "xgettext: " + made.stdout.strip()
            return
        for language in tree.text("po/LINGUAS").split():
            po = "po/%s.po" % language
            for checked in (run("msgfmt", "--check", "-o", "/dev/null", po),
                            run("msgcmp", po, pot)):
                if checked.returncode:
                    yield from checked.stdout.strip().splitlines()
