#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every trace under tests/traces through the command line, compared with what stands beside it.

    FORMAT/WHAT.EXT        is dumped; WHAT.EXT.dump is the output, exit status 0
    broken/WHAT.EXT        is dumped; WHAT.EXT.expect is "exit N", then what is said on stderr (with
                           the path cut down to the file's name), a line "---", then the output

No list is kept: a file without its expectation is a failure. `--update PROGRAM TRACES [TEXT]`
writes the expectations anew (of files with TEXT in their path); look at the difference before you
commit it. Prints TAP.
"""

import difflib
import os
import subprocess
import sys

NOT_TRACES = (".dump", ".expect", ".py", ".md", ".build", ".pyc")


def traces(folder):
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(names):
            if not name.endswith(NOT_TRACES):
                yield os.path.join(path, name)


def is_broken(path):
    return "broken" in path.split(os.sep)


def expectation(path):
    return path + (".expect" if is_broken(path) else ".dump")


def dump(program, path):
    """What the expectation file should hold, and what is wrong apart from that."""
    environment = dict(os.environ, LC_ALL="C", TZ="UTC", LANGUAGE="")
    run = subprocess.run([program, "dump", path], env=environment, timeout=120, check=False,
                         stdin=subprocess.DEVNULL, capture_output=True)
    output = run.stdout.decode("utf-8", "replace")
    said = run.stderr.decode("utf-8", "replace").replace(path, os.path.basename(path))
    if run.returncode < 0 or run.returncode > 2 or "Sanitizer" in said or "runtime error" in said:
        return output, "ended with %d\n%s" % (run.returncode, said)
    if is_broken(path):
        return "exit %d\n%s---\n%s" % (run.returncode, said, output), None
    if run.returncode != 0:
        return output, "exit status %d: %s" % (run.returncode, said)
    return output, None


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def update(program, folder, wanted):
    for path in traces(folder):
        if wanted not in path:
            continue
        got, wrong = dump(program, path)
        if wrong:
            print("%s: NOT written: %s" % (path, wrong.strip()))
        elif got != read(expectation(path)):
            with open(expectation(path), "w", encoding="utf-8") as file:
                file.write(got)
            print("%s: written" % expectation(path))
    return 0


def complaints(program, path):
    expected = read(expectation(path))
    got, wrong = dump(program, path)
    if wrong:
        yield wrong
    if expected is None:
        yield "%s is missing (./dev golden --update writes it)" % expectation(path)
    elif got != expected:
        yield "".join(difflib.unified_diff(expected.splitlines(True), got.splitlines(True),
                                           os.path.basename(expectation(path)), "heapstrata dump"))


def check(program, folder, wanted):
    paths = [path for path in traces(folder)
             if not wanted or any(word in os.path.relpath(path, folder) for word in wanted)]
    print("1..%d" % max(1, len(paths)))
    if not paths:
        print("ok 1 - no traces # SKIP nothing below %s" % os.path.basename(folder))
    failed = 0
    for number, path in enumerate(paths, 1):
        found = list(complaints(program, path))
        failed += bool(found)
        print("%s %d - %s" % ("not ok" if found else "ok", number, os.path.relpath(path, folder)))
        for text in found:
            print(text, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--update":
        sys.exit(update(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else ""))
    sys.exit(check(sys.argv[1], sys.argv[2], sys.argv[3:]))
