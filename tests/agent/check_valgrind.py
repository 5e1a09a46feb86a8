# SPDX-License-Identifier: GPL-3.0-or-later
"""Our recordings against valgrind's word, call by call.

Usage: check_valgrind.py HEAPSTRATA SCRATCH FIXED_TIME KNOWN short|long [KNOWN_CPP]. Deterministic
single-threaded programs run once recorded and once under memcheck, whose --trace-malloc=yes prints
every call; without address randomization, and with the same environment. Both become one list of
what was allocated, resized and freed, each block by its number: the lists must be equal, and so
must the totals and leaks that memcheck tells and those of our summary. One exception: memcheck
counts a resize that failed as an allocation and a free. What it takes to make both runs the same
run stands below.
"""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402
from histories import (BASH, PERL, PYTHON, SQL, History, Totals, make_repository,  # noqa: E402
                       our_history, quiet_folder, tell, write)

HEAPSTRATA, SCRATCH, FIXED_TIME, KNOWN = (os.path.abspath(path) for path in sys.argv[1:5])
MODE = sys.argv[5]
CPP = os.path.abspath(sys.argv[6]) if len(sys.argv) > 6 else None
IS_LONG = MODE == "long"
RESULTS = Results()

# Debian's "valgrind" is a script, and its shell adds to the environment.
VALGRIND = shutil.which("valgrind.bin") or shutil.which("valgrind")
# valgrind puts its own libraries in front of LD_PRELOAD. Programs copy, count and hash their
# environment, so the recorded run gets the same words; outside of valgrind these libraries do
# nothing. But they begin first (INITFIRST), where our agent wants to be: libstdc++ allocates as it
# begins. So C++ programs get others, under names that are as long.
VALGRIND_LIBS = ["/usr/libexec/valgrind/vgpreload_%s-amd64-linux.so" % name
                 for name in ("core", "memcheck")]
HARMLESS = "/lib/x86_64-linux-gnu/libutil.so.1"  # empty since glibc 2.34
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
               "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0", "GIT_CONFIG_NOSYSTEM": "1",
               "PYTHONDONTWRITEBYTECODE": "1",
               "HEAPSTRATA_LIBEXEC": os.environ["HEAPSTRATA_LIBEXEC"],
               "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>[^()]*)\)|= (?P<result>0x[0-9A-Fa-f]+|0\b)")
HEAP = re.compile(r"in use at exit: ([\d,]+) bytes in ([\d,]+) blocks\s+"
                  r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes allocated")

def valgrind_calls(text):
    """The calls of a memcheck log as (name, arguments, result); one inside of another is left
    out."""
    name = arguments = None
    for match in CALL.finditer(text):
        if match["result"]:
            if name is not None:
                yield name, arguments, int(match["result"], 16)
            name = None
        elif match["name"] in ("free", "cfree") or match["name"].startswith(("_ZdlPv", "_ZdaPv")):
            if name is None:  # else realloc's own
                yield "free", (int(match["arguments"], 16),), 0
        elif name is None:
            name = match["name"]
            arguments = tuple(int(part.split()[-1], 0) for part in match["arguments"].split(","))


def valgrind_history(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    head, mark, tail = text.partition("HEAP SUMMARY:")
    body = "\n".join(re.sub(r"^--\d+-- ", "", line) for line in head.splitlines()
                     if re.match(r"--\d+-- ", line))
    history = History()
    for name, arguments, result in valgrind_calls(body):
        if name == "free":
            if arguments[0]:
                history.free(arguments[0], name)
        elif name == "realloc" and arguments[0]:
            if result:
                history.resize(arguments[0], result, arguments[1], name)
            elif arguments[1] == 0:
                history.free(arguments[0], name)
            else:
                history.failed.append(arguments[1])
        elif result:
            size = arguments[0] * arguments[1] if name == "calloc" else arguments[-1]
            if name.startswith(("_Znwm", "_Znam")):
                size = arguments[0]
            history.alloc(result, size, name)
    found = HEAP.search(re.sub(r"==\d+== +", "", mark + tail))
    left_bytes, left, allocs, frees, n_bytes = (int(part.replace(",", ""))
                                                for part in found.groups())
    n_failed = len(history.failed)
    return history, Totals(allocs - n_failed, frees - n_failed, n_bytes - sum(history.failed),
                           left_bytes, left)


def preloaded(is_cpp):
    libs = VALGRIND_LIBS
    if is_cpp:
        libs = ["/" * (len(lib) - len(HARMLESS)) + HARMLESS for lib in VALGRIND_LIBS]
    return ":".join(libs + [FIXED_TIME])


def run(name, command, is_cpp):
    """run_once(), again when process ids took another digit meanwhile: bash keeps them as text."""
    for _ in range(3):
        ret, ids = run_once(name, command, is_cpp)
        if len({len(number) for number in ids}) == 1:
            break
    return ret


def run_once(name, command, is_cpp):
    """Our history and modules, valgrind's history and totals, and our summary's totals."""
    log = os.path.join(SCRATCH, f"valgrind-{name}.log")
    trace = os.path.join(SCRATCH, f"valgrind-{name}.hst")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL, "cwd": quiet_folder(SCRATCH), "timeout": 900}
    fixed = ["setarch", "-R"]
    for path in (log, trace):
        if os.path.exists(path):
            os.unlink(path)
    theirs = subprocess.run(
        fixed + ["timeout", "--foreground", "900", VALGRIND, "--tool=memcheck",
                 "--leak-check=no", "--undef-value-errors=no", "--run-libc-freeres=no",
                 "--run-cxx-freeres=no", "--trace-malloc=yes", "--child-silent-after-fork=yes",
                 "--log-file=" + log, "--"] + command,
        env=ENVIRONMENT | {"LD_PRELOAD": FIXED_TIME}, check=False, **quiet)
    ours = subprocess.run(fixed + [HEAPSTRATA, "record", "-o", trace, "--"] + command,
                          env=ENVIRONMENT | {"LD_PRELOAD": preloaded(is_cpp)}, check=False, **quiet)
    RESULTS.check(f"{name}: same exit status", ours.returncode == theirs.returncode,
                  (ours.returncode, theirs.returncode))
    summary = subprocess.run([HEAPSTRATA, "summary", "--json", trace], capture_output=True,
                             check=True)
    with open(log, encoding="utf-8", errors="replace") as file:
        ids = re.findall(r"==(\d+)== (?:.*\n==\d+== )*?Parent PID: (\d+)", file.read(4096))[0]
    summary = json.loads(summary.stdout)
    ours = (summary["processes"][0]["pid"], summary["processes"][0]["parent_pid"])
    return ((*our_history(HEAPSTRATA, trace), *valgrind_history(log), summary["totals"]),
            (*ids, *map(str, ours)))


def compare(name, command, is_cpp=False):
    ours, modules, theirs, totals, summary = run(name, command, is_cpp)
    RESULTS.check(f"{name}: {len(theirs.steps)} calls read as valgrind counts them",
                  theirs.totals() == totals and theirs.unknown == 0, (theirs.totals(), totals))
    RESULTS.check(f"{name}: the same calls in the same order, of the same blocks",
                  ours.steps == theirs.steps, "\n" + tell(ours, theirs, modules))
    found = Totals(summary["opened"], summary["frees"] + summary["realloc_inplace"],
                   summary["opened_bytes"], summary["outstanding_bytes"],
                   summary["outstanding_count"])
    RESULTS.check(f"{name}: our summary's totals and leaks are valgrind's", found == totals,
                  (found, totals))
    RESULTS.check(f"{name}: nothing unknown freed", summary["unmatched_frees"] == 0,
                  summary["unmatched_frees"])


def programs():
    """(name, command, whether libstdc++ is in it). What depends on addresses is left out: they are
    others under valgrind. (Python's objects hash by theirs, if PYTHONMALLOC gives each a block.)"""
    scale = 10 if IS_LONG else 1
    cases = ["resize", "storm"]
    if IS_LONG:  # not "family": valgrind stops programs that call pvalloc
        cases += ["deep", "jumps", "signals", "exit-at-once", "coroutine", "libraries"]
    for case in cases:
        yield f"known {case}", [KNOWN, case], False
    if CPP:
        for case in ("forms", "wrong-pairs"):
            yield f"known_cpp {case}", [CPP, case], True
    yield "sqlite3", ["/usr/bin/sqlite3", ":memory:",
                      ".read " + write(SCRATCH, "valgrind.sql", SQL % (300 * scale))], False
    yield "python3", ["/usr/bin/python3", "-c", PYTHON % scale], False
    yield "git log", ["/usr/bin/git", "-C", make_repository(
        os.path.join(SCRATCH, "valgrind-repository"), 3 * scale), "log", "--stat"], False
    table = "<a>" + "".join(f"<b n='{i}'><c>{i * i}</c></b>" for i in range(200 * scale)) + "</a>"
    yield "xmllint", ["/usr/bin/xmllint", "--format", write(SCRATCH, "valgrind.xml", table)], True
    yield "perl", ["/usr/bin/perl", "-e", PERL % (100 * scale)], False
    yield "bash", ["/usr/bin/bash", "-c", BASH % (30 * scale)], False
    if not IS_LONG:
        return
    yield "cmake", ["/usr/bin/cmake", "-P", write(
        SCRATCH, "valgrind.cmake",
        "foreach(i RANGE 1 300)\nstring(REGEX REPLACE \"([a-z]+)-([0-9]+)\" "
        "\"\\\\2_\\\\1\" r \"item-${i}\")\nlist(APPEND b ${r})\nendforeach()")], True
    yield "sort", ["/usr/bin/sort", write(SCRATCH, "valgrind.txt", "b\na\n" * 3000)], False
    yield "gawk", ["/usr/bin/awk", "BEGIN { for (i = 0; i < 999; i++) a[i] = a[i - 1] i % 7 }"],\
        False


def main():
    if VALGRIND is None or not all(os.path.exists(lib) for lib in VALGRIND_LIBS + [HARMLESS]):
        print("1..0 # SKIP valgrind for this machine is not installed")
        sys.exit(77)
    for name, command, is_cpp in programs():
        if os.path.exists(command[0]):
            compare(name.replace(" ", "-"), command, is_cpp)
        else:
            RESULTS.skip(name, "not installed")
    sys.exit(RESULTS.end())


main()
