#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev bench ranges`: what questions about ranges of large traces cost, with the sums of blocks
and by a plain scan of the same columns, whose answers bench_ranges finds equal to the byte.

One column per size of trace, milliseconds of CPU time, medians of five. Nothing passes or fails.
"""

import argparse
import json
import os
import subprocess


def main():
    parser = argparse.ArgumentParser(prog="./dev bench ranges",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, nargs="+", default=[10 ** 5, 10 ** 6, 10 ** 7])
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    program = os.path.join(options.build, "tests", "bench", "bench_ranges")
    results = [json.loads(subprocess.run([program, str(n)], stdout=subprocess.PIPE, text=True,
                                         check=True).stdout) for n in options.events]
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print("%-26s" % "events" + "".join("%20d" % r["events"] for r in results))
    print("%-26s" % "pair and index, ns/event" + "".join("%20.1f" % r["pair_ns"] for r in results))
    print("%-26s" % "memory, bytes/event" +
          "".join("%20.2f" % (r["memory"] / r["events"]) for r in results))
    print("%-26s" % "  of it sums of blocks" +
          "".join("%20.2f" % (r["range_index"] / r["events"]) for r in results))
    print("\nms: sums of blocks / scan")
    for name, figures in results[0].items():
        if isinstance(figures, dict):
            print("%-26s" % name + "".join(
                "%11.2f /%7.1f" % (r[name]["index_ms"], r[name]["scan_ms"]) for r in results))


if __name__ == "__main__":
    main()
