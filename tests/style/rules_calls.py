# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be called or declared where."""

import re

from rules import rule
from tree import bare_c

CORE = ("src/base/", "src/event/", "src/decode/", "src/encode/", "src/trace/", "src/load/",
        "src/symbols/", "src/analysis/", "src/draw/", "src/capture/recorder/",
        "src/capture/control/")

# Nobody calls these: no bound, no error, or a shell.
EVERYWHERE = """strcpy strcat stpcpy sprintf vsprintf gets atoi atol atoll atof strtok alloca
system popen tmpnam mktemp tempnam strncpy strncat"""

# A library neither prints nor ends the process; whoever called it knows better.
PRINTING = """printf vprintf fprintf vfprintf puts fputs putchar putc fputc perror psignal syslog
err errx warn warnx exit _exit quick_exit abort raise scanf sscanf fscanf"""

# base/memory.h is the only allocator, so that tests can make any allocation fail.
ALLOCATING = """malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf getline
getdelim posix_memalign aligned_alloc memalign realpath open_memstream"""

MEMORY = ("src/base/memory.c", "src/base/memory.h")


def pattern(names):
    return re.compile(r"(?<![\w.>])(%s)\b\s*\(" % "|".join(names.split()))


def calls(tree, paths, names):
    regex = pattern(names)
    for path in paths:
        text = bare_c(tree.text(path))
        for match in regex.finditer(text):
            if not text[:match.end()].endswith("format (" + match[0]):  # __attribute__
                yield path, text.count("\n", 0, match.start()) + 1, match[1]


def core_files(tree):
    return tree.c_files(CORE)


@rule("calls: none without a bound, an error or with a shell",
      bad={name: {"ui/app/a.c": "%s (x);\n" % name} for name in EVERYWHERE.split()},
      good={"member": {"ui/app/a.c": "a->gets (1); /* strcpy () */ my_system (2);\n"}})
def check_everywhere(tree):
    for path, line, name in calls(tree, tree.c_files(), EVERYWHERE):
        yield "%s:%d: %s() is not used here" % (path, line, name)


@rule("calls: the core neither prints nor ends the process",
      bad={name: {"src/trace/a.c": "%s (x);\n" % name} for name in PRINTING.split()},
      good={"attribute": {"src/base/a.h": "void f (char *, ...)\n"
                                          "    __attribute__ ((format (printf, 1, 2)));\n"},
            "elsewhere": {"src/cli/a.c": "printf (x);\n"}})
def check_printing(tree):
    for path, line, name in calls(tree, core_files(tree), PRINTING):
        yield "%s:%d: %s() in the core" % (path, line, name)


@rule("calls: no assert where file bytes are read",
      bad={"decoder": {"src/decode/a.c": "assert (size > 0);\n"}},
      good={"static": {"src/decode/a.c": "static_assert (sizeof (x) == 4, x);\n"}})
def check_asserts(tree):
    for path, line, name in calls(tree, tree.c_files(("src/decode/", "src/encode/")), "assert"):
        yield "%s:%d: an assert that input might reach" % (path, line)


@rule("calls: the core allocates through base/memory.h only",
      bad={name: {"src/trace/a.c": "x = %s (x);\n" % name} for name in ALLOCATING.split()},
      good={"the allocator": {"src/base/memory.c": "x = malloc (1);\n"},
            "ours": {"src/trace/a.c": "x = hs_alloc (1); hs_free (x); self->free (x);\n"}})
def check_allocating(tree):
    paths = [p for p in core_files(tree) if p not in MEMORY]
    for path, line, name in calls(tree, paths, ALLOCATING):
        yield "%s:%d: %s() outside base/memory.c" % (path, line, name)


STATE = re.compile(r"^\s*(static|_Thread_local|__thread)\b(?![^;={]*\bconst\b)[^;(]*(=|;)", re.M)


@rule("calls: the core keeps no state of its own",
      bad={"file": {"src/trace/a.c": "static int count;\n"},
           "table": {"src/trace/a.c": "static struct x table[] = {\n};\n"},
           "function": {"src/trace/a.c": "int f (void)\n{\n    static int n = 0;\n}\n"}},
      good={"const": {"src/trace/a.c": "static const int a[] = { 1 };\nstatic int f (int a);\n"
                                       "static const char *const b[] = { 0 };\n"
                                       "static int f (int a)\n{\n    int b = 0;\n}\n"}})
def check_state(tree):
    for path in core_files(tree):
        if path in MEMORY:  # the counter of failing allocations, atomic
            continue
        text = bare_c(tree.text(path))
        for match in STATE.finditer(text):
            line = text.count("\n", 0, match.end()) + 1
            yield "%s:%d: static mutable state: %s" % (path, line, " ".join(match[0].split()))


@rule("calls: the core has no typedef of a struct",
      bad={"typedef": {"src/trace/a.h": "typedef struct x y;\n"}},
      good={"id": {"src/trace/a.h": "typedef uint32_t hs_id;\n"}})
def check_typedefs(tree):
    for path in core_files(tree):
        for number, line in enumerate(bare_c(tree.text(path)).split("\n"), 1):
            if re.match(r"\s*typedef\s+(struct|union)\b", line):
                yield "%s:%d: %s" % (path, number, line.strip())


@rule("calls: decoders cast no bytes to structs",
      bad={"cast": {"src/decode/a.c": "const struct x *y = (const struct x *)bytes;\n"}},
      good={"value": {"src/decode/a.c": "y = (struct x){ 1 };\n"}})
def check_casts(tree):
    for path in tree.c_files(("src/decode/",)):
        for number, line in enumerate(bare_c(tree.text(path)).split("\n"), 1):
            # `self` is a module's own object behind an interface
            if re.search(r"\((const )?(struct|union) \w+ \*\)(?!self\b)\w", line):
                yield "%s:%d: %s" % (path, number, line.strip())
