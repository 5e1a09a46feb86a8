# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may include whom. What the table does not list is forbidden."""

import os
import re

from rules import rule
from tree import bare_c

# folder: folders it may include; "+" the foreign libraries. A name with a slash is that file only.
TABLE = """
base:                                                                +
event:     base                                                      +
trace:     event base                                                +
decode:    trace/index_file.h event base                             + zlib zstd libarchive
encode:    trace/index_file.h event base                             + zstd
load:      decode trace event base                                   +
symbols:   base                                                      + elfutils libiberty curl
analysis:  trace symbols event base                                  + pcre2
draw:      analysis event base                                       + cairo pango
control:   base                                                      +
ring:      base/endian.h                                             +
unwind:                                                              +
agent:     ring unwind                                               +
inject:    ring base                                                 +
recorder:  control ring inject encode trace event base               +
cli:       decode load analysis symbols trace event draw encode
           recorder control base                                     + glib json cairo
model:     load analysis symbols trace event control base            + glib
views:     model analysis draw event base                            + glib gtk cairo pango
app:       views model base                                          + glib gtk cairo pango
"""

FOREIGN = {
    "zlib": r"zlib\.h", "zstd": r"zstd\.h|zstd_errors\.h", "libarchive": r"archive(_entry)?\.h",
    "elfutils": r"elfutils/.*|dwarf\.h|gelf\.h|libelf\.h", "libiberty": r"libiberty/demangle\.h",
    "curl": r"curl/.*",
    "pcre2": r"pcre2\.h",
    "cairo": r"(cairo/)?cairo.*\.h", "pango": r"pango/.*",
    "glib": r"glib\.h|glib/.*|glib-.*|gio/.*|gobject/.*", "json": r"json-glib/.*",
    "gtk": r"gtk/.*|gdk/.*|gdk-pixbuf/.*|atk/.*|gtksourceview/.*",
    "check": r"check\.h", "libunwind": r"libunwind\.h",
}

# The C library and the kernel's interface; everything between < > that is not here needs a line in
# the table. GLib is not here on purpose: it aborts when memory runs out.
LIBC = re.compile(
    r"(assert|ctype|dirent|dlfcn|elf|endian|errno|execinfo|fcntl|fenv|float|getopt|inttypes"
    r"|libintl|limits|link|locale|malloc|math|poll|pthread|pwd|sched|semaphore|setjmp|signal|spawn"
    r"|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings"
    r"|syscall|threads|time|uchar|ucontext|unistd|wchar|wctype"
    r"|(arpa|linux|netinet|sys|sanitizer)/.*|[a-z]*intrin)\.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)


def parse(table):
    layers = {}
    for line in table.strip().replace("\n ", " ").splitlines():
        folder, rest = line.split(":", 1)
        own, foreign = rest.split("+")
        layers[folder.strip()] = (own.split(), foreign.split())
    return layers


LAYERS = parse(TABLE)


def folder_of(path):
    """The layer of a source path or of an include path: src/capture/ring/x.h -> ring."""
    parts = path.split("/")[:-1]
    if parts and parts[0] in ("src", "ui"):
        parts = parts[1:]
    if parts and parts[0] == "capture":
        parts = parts[1:]
    return parts[0] if parts else ""


def includes(tree, path):
    text = bare_c(tree.text(path), keep_strings=True)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1] == "<", match[2]


@rule("layers: includes follow the table",
      bad={"upwards": {"src/base/a.c": '#include "trace/trace.h"\n'},
           "foreign library": {"src/decode/a.c": "#include <glib.h>\n"},
           "unknown header": {"src/cli/a.c": "#include <boost.h>\n"},
           "without a folder": {"src/trace/a.c": '#include "trace.h"\n'},
           "one file only": {"src/decode/a.c": '#include "trace/trace.h"\n'},
           "view sees view": {"ui/views/a_view.c": '#include "views/b_view.h"\n'},
           "unknown folder": {"src/misc/a.c": "\n"}},
      good={"fine": {"src/decode/etl/a.c": '#include "event/ids.h"\n#include <stdint.h>\n'
                                           '#include "trace/index_file.h"\n#include <zlib.h>\n',
                     "src/capture/ring/b.h": '#include "base/endian.h"\n'}})
def check_layers(tree):
    for path in tree.c_files(("src/", "ui/")):
        own = folder_of(path)
        if own not in LAYERS:
            yield "%s: its folder is not in the table" % path
            continue
        folders, foreign = LAYERS[own]
        for line, is_system, target in includes(tree, path):
            where = "%s:%d: " % (path, line)
            if is_system:
                if not LIBC.fullmatch(target) and \
                        not any(re.fullmatch(FOREIGN[name], target) for name in foreign):
                    yield where + "%s may not include <%s>" % (own, target)
                continue
            other = folder_of(target)
            if not other:
                yield where + 'an include names its folder: "%s"' % target
            elif other != own and other not in folders and target not in folders:
                yield where + '%s may not include "%s"' % (own, target)
            elif own == "views" and path.endswith(("_view.c", "_view.h")) and \
                    target.endswith("_view.h") and \
                    os.path.basename(target)[:-2] != os.path.basename(path)[:-2]:
                yield where + 'views do not know each other: "%s"' % target


@rule("layers: a file's own header comes first",
      bad={"second": {"src/base/a.c": '#include <stdio.h>\n#include "base/a.h"\n',
                      "src/base/a.h": ""}},
      good={"no header": {"src/base/a.c": "#include <stdio.h>\n"}})
def check_own_header(tree):
    for path in tree.match(".c", under=("src/", "ui/")):
        header = path[:-2] + ".h"
        if header not in tree.paths:
            continue
        first = next((target for _, _, target in includes(tree, path)), None)
        if first != header.split("/", 1)[1]:
            yield "%s: the first include must be its own header" % path


@rule("layers: tests include only what exists",
      bad={"foreign": {"tests/unit/a.c": "#include <boost.h>\n"}},
      good={"check": {"tests/unit/a.c": "#include <check.h>\n"}})
def check_tests(tree):
    for path in tree.c_files(("tests/",)):
        for line, is_system, target in includes(tree, path):
            if is_system and not LIBC.fullmatch(target) and \
                    not any(re.fullmatch(pattern, target) for pattern in FOREIGN.values()):
                yield "%s:%d: <%s> is no library of ours" % (path, line, target)
