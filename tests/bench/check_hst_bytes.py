# SPDX-License-Identifier: GPL-3.0-or-later
"""Records a Python program and holds the file's bytes per event against budgets.txt.

Usage: check_hst_bytes.py HEAPSTRATA BUDGETS SCRATCH. Python's dictionaries, strings and syntax
trees are an ordinary mix of sizes and call stacks; times, the one thing that differs from run to
run, take a byte or two of each event.
"""
import json
import os
import subprocess
import sys

HEAPSTRATA, BUDGETS, SCRATCH = sys.argv[1:4]
SCRIPT = """
import ast, json
for _ in range(12):
    tree = ast.parse("\\n".join("def f%d(a):\\n    return [a * k for k in range(9)]" % i
                               for i in range(80)))
    doc = json.loads(json.dumps([{"id": i, "tags": [str(i * k) for k in range(6)]}
                                 for i in range(300)]))
    compile(tree, "x", "exec")
"""


def main():
    with open(BUDGETS, encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and line[0] != "#"]
    budget = dict((name, float(value)) for name, value in lines)["hst_bytes_per_event"]
    trace = os.path.join(SCRATCH, "bytes.hst")
    if os.path.exists(trace):
        os.remove(trace)
    subprocess.run([HEAPSTRATA, "record", "-o", trace, "--", "/usr/bin/python3", "-c", SCRIPT],
                   env={**os.environ, "PYTHONMALLOC": "malloc"}, stderr=subprocess.DEVNULL,
                   check=True, timeout=120)
    summary = subprocess.run([HEAPSTRATA, "summary", "--json", trace], stdout=subprocess.PIPE,
                             text=True, check=True, timeout=120)
    totals = json.loads(summary.stdout)["totals"]
    events = totals["opened"] + totals["frees"] + totals["realloc_inplace"]
    found = os.path.getsize(trace) / events
    print("%d events, %.2f bytes each; the budget is %.2f" % (events, found, budget))
    sys.exit(0 if events > 100000 and found <= budget else 1)


main()
