#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench ranges`: what questions about ranges of large traces cost, with the sums of blocks
and by a plain scan of the same columns, whose answers bench_ranges finds equal to the byte.

One row per size of trace, milliseconds of CPU time, medians of five. Nothing passes or fails.
"""

import argparse
import json
import os
import subprocess


def main():
    parser = argparse.ArgumentParser(prog="./dev bench ranges",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, nargs="+",
                        default=[10 ** 5, 10 ** 6, 10 ** 7, 10 ** 8])
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    program = os.path.join(options.build, "tests", "bench", "bench_ranges")
    results = [json.loads(subprocess.run([program, str(n)], stdout=subprocess.PIPE, text=True,
                                         check=True).stdout) for n in options.events]
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print_table(results)


def print_table(results):
    """How cost grows: a row per size of trace, a column per operation."""
    names = [name for name, figures in results[0].items() if isinstance(figures, dict)]
    parts = list(results[0]["parts"])
    print("%-12s%10s%11s%10s  of it" % ("events", "pair ns/e", "M events/s", "bytes/e") +
          "".join("%12s" % part for part in parts))
    for r in results:
        print("%-12d%10.1f%11.1f%10.2f       " % (r["events"], r["pair_ns"], 1000 / r["pair_ns"],
                                                  r["memory"] / r["events"]) +
              "".join("%12.2f" % (r["parts"][part] / r["events"]) for part in parts))
    for question in ("stacks", "tree", "histogram"):
        columns = [name[:-len(question) - 1] for name in names if name.endswith(question)]
        print("\n%s, ms by sums of blocks / by a scan of the rows" % question)
        print("%-12s" % "events" + "".join("%16s" % column for column in columns))
        for r in results:
            print("%-12d" % r["events"] + "".join(
                "%8.2f /%6.0f" % (r["%s %s" % (column, question)]["index_ms"],
                                  r["%s %s" % (column, question)]["scan_ms"])
                for column in columns))


if __name__ == "__main__":
    main()
