# SPDX-License-Identifier: GPL-3.0-or-later
"""Our recordings against heaptrack's, block by block.

Usage: check_heaptrack_counts.py HEAPSTRATA SCRATCH FIXED_TIME KNOWN [KNOWN_CPP]. Real programs run
once recorded by us and once with heaptrack's library, without address randomization. Both become
one list of allocations and frees, each block by its number (heaptrack writes a resize as a free and
an allocation). Every difference must be one of those that explain() knows, and why it stands there.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402
from histories import (PERL, PYTHON, SQL, History, differences, make_repository,  # noqa: E402
                       our_history, quiet_folder, where, write)

HEAPSTRATA, SCRATCH, FIXED_TIME, KNOWN = (os.path.abspath(path) for path in sys.argv[1:5])
CPP = os.path.abspath(sys.argv[5]) if len(sys.argv) > 5 else None
LIBRARY = "/usr/lib/heaptrack/libheaptrack_preload.so"
RESULTS = Results()
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
               "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0", "GIT_CONFIG_NOSYSTEM": "1",
               "PYTHONDONTWRITEBYTECODE": "1",
               "HEAPSTRATA_LIBEXEC": os.environ["HEAPSTRATA_LIBEXEC"],
               "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}


def flat(history):
    """The same history with a resize as a free and an allocation."""
    ret = History()
    for step, note in zip(history.steps, history.notes):
        if step[0] != "alloc":
            ret.free(step[1], note)
        if step[0] != "free":
            ret.alloc(step[1], step[2], note)
    return ret


def heaptrack_history(path):
    history = History()
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            word = line.split()
            if word and word[0] == "+":
                history.alloc(word[3], int(word[1], 16), None)
            elif word and word[0] == "-":
                history.free(word[1], None)
    return history


def run(name, command):
    # only where it is needed: heaptrack takes LD_PRELOAD out of the environment, we leave the rest
    preload = [FIXED_TIME] if name == "xmllint" else []
    raw = os.path.join(SCRATCH, f"heaptrack-{name}.raw")
    trace = os.path.join(SCRATCH, f"heaptrack-{name}.hst")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL, "cwd": quiet_folder(SCRATCH), "timeout": 300,
             "check": False}
    fixed = ["setarch", "-R"]
    for path in (raw, trace):
        if os.path.exists(path):
            os.unlink(path)
    theirs = subprocess.run(
        fixed + ["timeout", "--foreground", "300", "env",
                 "LD_PRELOAD=" + ":".join([LIBRARY] + preload),
                 "DUMP_HEAPTRACK_OUTPUT=" + raw] + command, env=ENVIRONMENT, **quiet)
    variables = ENVIRONMENT | {"LD_PRELOAD": path for path in preload}
    ours = subprocess.run(fixed + [HEAPSTRATA, "record", "-o", trace, "--"] + command,
                          env=variables, **quiet)
    RESULTS.check(f"{name}: same exit status", ours.returncode == theirs.returncode,
                  (ours.returncode, theirs.returncode))
    history, modules = our_history(HEAPSTRATA, trace)
    return flat(history), modules, heaptrack_history(raw)


POOL = 72704  # what libstdc++ keeps for exceptions out of memory


def is_rounded(ours, theirs):
    return (len(ours) == len(theirs) and
            all(a[0] == b[0] and (a[0] == "free" or b[2] in (a[2], (a[2] + 63) // 64 * 64))
                for a, b in zip(ours, theirs)))


def explain(ours, theirs):
    """Why only we have the steps `ours` and only heaptrack has `theirs`; None when that is not
    known."""
    if not ours and [step[0::2] for step in theirs] == [("alloc", POOL)]:
        return "heaptrack brought libstdc++ into a C program"
    if not theirs and [step[0] for step in ours] == ["free"]:
        return "a resize to nothing frees: heaptrack takes it for none"
    if is_rounded(ours, theirs):
        return "heaptrack sees what operator new asks of aligned_alloc, a multiple of 64"
    return None


def compare(name, command):
    ours, modules, theirs = run(name, command)
    reasons = set()
    if theirs.steps[-1] == ("free", 0):
        theirs.steps.pop()
        reasons.add("heaptrack has libstdc++ free its pool in the end")
    for i, j, a, b in differences(ours, theirs):
        only = ours.steps[i:i + a], theirs.steps[j:j + b]
        reason = explain(*only)
        reasons.add(reason)
        if reason is None:
            RESULTS.check(f"{name}: step {i} of ours, {j} of heaptrack's", False, (
                only, [[where(modules, at) for at in note or []] for note in ours.notes[i:i + a]]))
    RESULTS.check(f"{name}: {len(theirs.steps)} steps, every difference has its reason: "
                  f"{'; '.join(sorted(filter(None, reasons))) or 'there is none'}",
                  None not in reasons and len(theirs.steps) > 1, reasons)


def programs():
    yield "sqlite3", ["/usr/bin/sqlite3", ":memory:",
                      ".read " + write(SCRATCH, "heaptrack.sql", SQL % 300)]
    yield "python3", ["/usr/bin/python3", "-c", PYTHON % 1]
    yield "git log", ["/usr/bin/git", "-C", make_repository(
        os.path.join(SCRATCH, "heaptrack-repository"), 3), "log", "--stat"]
    table = "<a>" + "".join(f"<b n='{i}'><c>{i * i}</c></b>" for i in range(200)) + "</a>"
    yield "xmllint", ["/usr/bin/xmllint", "--format", write(SCRATCH, "heaptrack.xml", table)]
    yield "perl", ["/usr/bin/perl", "-e", PERL % 100]
    # not bash: its own unsetenv() leaves heaptrack's variables in the environment; not large C++
    # programs: heaptrack's own exit function shifts where libc allocates room for theirs
    yield "troff", ["/usr/bin/troff", "-Tascii", write(SCRATCH, "heaptrack.roff",
                                                       ".ds a b\nsome words\n.br\n" * 300)]
    for case in ("resize", "storm"):
        yield f"known {case}", [KNOWN, case]
    if CPP:
        yield "known_cpp forms", [CPP, "forms"]


def main():
    if not os.path.exists(LIBRARY):
        print("1..0 # SKIP heaptrack is not installed")
        sys.exit(77)
    for name, command in programs():
        if os.path.exists(command[0]):
            compare(name.replace(" ", "-"), command)
        else:
            RESULTS.skip(name, "not installed")
    sys.exit(RESULTS.end())


main()
