#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums up meson's test logs into the last line of `./dev test`.

A meson test is a whole program; what counts are the single tests in it: the checks of a Check
program, the lines of a TAP program, the methods of a Python unittest. Any other program is one
test. A program that meson calls failed counts as at least one failure whatever it printed.
"""

import json
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
TAP = re.compile(r"^(ok|not ok)\b[^#\n]*(# *SKIP)?", re.M | re.I)
UNITTEST = re.compile(r"^Ran (\d+) tests? in", re.M)
UNITTEST_PART = re.compile(r"(failures|errors|skipped|expected failures)=(\d+)")


def count(entry):
    """(passed, failed, skipped) of one entry of testlog.json."""
    text = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    result = entry["result"]
    if result in ("SKIP",):
        return 0, 0, 1
    passed = failed = skipped = 0
    checks = CHECK.findall(text)
    if checks:
        for total, failures, errors in checks:
            bad = int(failures) + int(errors)
            passed += int(total) - bad
            failed += bad
    elif UNITTEST.search(text):
        total = sum(int(n) for n in UNITTEST.findall(text))
        parts = {}
        for name, n in UNITTEST_PART.findall(text[text.rindex("Ran "):]):
            parts[name] = int(n)
        failed = parts.get("failures", 0) + parts.get("errors", 0)
        skipped = parts.get("skipped", 0)
        passed = max(0, total - failed - skipped)
    elif re.search(r"^(1\.\.\d+|TAP version)", text, re.M):
        for verdict, skip in TAP.findall(text):
            if skip:
                skipped += 1
            elif verdict.lower() == "ok":
                passed += 1
            else:
                failed += 1
    good = result in ("OK", "EXPECTEDFAIL")
    if not good and failed == 0:
        failed = 1
    if good and passed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def main(paths):
    sums = [0, 0, 0]
    failures = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as log:
                entries = [json.loads(line) for line in log]
        except OSError as error:
            failures.append("%s: %s" % (path, error.strerror))
            sums[1] += 1
            continue
        for entry in entries:
            counts = count(entry)
            sums = [a + b for a, b in zip(sums, counts)]
            if counts[1]:
                failures.append("%s: %s" % (entry["name"], entry["result"]))
    for failure in failures:
        print("failed: " + failure)
    print("%d passed, %d failed, %d skipped" % tuple(sums))
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
