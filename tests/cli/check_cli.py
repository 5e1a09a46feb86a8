#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line promises: exit statuses, sentences, help pages that name every JSON field,
and numbers that agree from command to command.

    check_cli.py PROGRAM TRACES DEMO

TRACES is tests/traces, DEMO the sample trace made at build time. Prints TAP.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile

PROGRAM, TRACES, DEMO = sys.argv[1:4]
HEAPTRACK = os.path.join(TRACES, "heaptrack", "inlined-v2.txt")
COMMANDS = ["summary", "timeline", "histogram", "tree", "processes", "modules", "findings"]
# Names that a file gives itself (facts, records, histogram classes, pool tags) stand as * or K.
FREE = re.compile(r"^(header|records|buffers|facts|histogram|tags)$")

failures = []
n_checks = 0


def run(*arguments, language="C", **variables):
    environment = dict(os.environ, LC_ALL=language, LANGUAGE="", **variables)
    done = subprocess.run([PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def answer(*arguments):
    status, out, err = run(*arguments, "--json")
    expect(" ".join(arguments) + " --json", (status, err), (0, ""))
    return json.loads(out)


def expect(what, got, wanted):
    global n_checks
    n_checks += 1
    if got == wanted:
        print("ok %d - %s" % (n_checks, what))
    else:
        failures.append(what)
        print("not ok %d - %s" % (n_checks, what))
        print("# got %r, wanted %r" % (got, wanted))


def check_usage():
    for what, arguments, wanted in (
            ("no argument", [], 2),
            ("unknown command", ["frobnicate"], 2),
            ("unknown option", ["tree", "--frobnicate", DEMO], 2),
            ("no file", ["tree"], 2),
            ("bad time", ["tree", "--from", "noon", DEMO], 2),
            ("range that ends before it begins", ["tree", "--from", "2", "--to", "1", DEMO], 2),
            ("bad size", ["histogram", "--size", "9..1", DEMO], 2),
            ("bad lifetime", ["tree", "--lifetime", "<soon", DEMO], 2),
            ("bad thread", ["tree", "--thread", "main", DEMO], 2),
            ("name that is too long", ["tree", "--frames", "x" * 64, DEMO], 2),
            ("bad type", ["tree", "--type", "AIXX", DEMO], 2),
            ("bad metric", ["tree", "--metric", "weight", DEMO], 2),
            ("no such process", ["tree", "--process", "nobody.exe", DEMO], 2),
            ("bad kind", ["dump", "--kind", "nothing", DEMO], 2),
            ("bad columns", ["timeline", "--columns", "-1", DEMO], 2),
            ("file that is not there", ["summary", "no/such/file.etl"], 1),
            ("no trace", ["summary", os.path.abspath(__file__)], 1)):
        status, out, err = run(*arguments)
        expect("%s: exit status" % what, status, wanted)
        if arguments:
            expect("%s: one sentence on stderr, nothing on stdout" % what,
                   (out, err.count("\n"), err.startswith("heapstrata: ")), ("", 1, True))
    status, _, err = run("summary", "no/such/file.etl")
    expect("the sentence names the file", "no/such/file.etl: " in err, True)
    expect("help", run("help")[0], 0)
    expect("--help", run("--help")[:2], (0, run("help")[1]))
    expect("--version", re.fullmatch(r"heapstrata \d+\.\d+\.\d+\n", run("--version")[1]) is None,
           False)
    expect("without a command: the summary", run(DEMO), run("summary", DEMO))
    expect("options without a command", run("--json", DEMO), run("summary", "--json", DEMO))


def check_damage():
    for name in ("truncated-tail.etl", "heaptrack-damaged-lines.txt"):
        path = os.path.join(TRACES, "broken", name)
        for command in COMMANDS + ["dump"]:
            status, out, _ = run(command, path)
            expect("%s of %s: printed, exit status 1" % (command, name), (status, out != ""),
                   (1, True))
        found = json.loads(run("findings", "--json", path)[1])
        expect("%s: damage is found" % name, found["damage_count"] > 0, True)
    with tempfile.TemporaryDirectory() as folder:
        strange = os.path.join(folder, "a \"strange\" näme")
        with open(HEAPTRACK, "rb") as source, open(strange, "wb") as copy:
            copy.write(source.read())
        expect("strange file names", run("summary", strange)[0], 0)
        packed = os.path.join(folder, "demo.zip")
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(DEMO, "demo.etl")
        expect("a ZIP", run("summary", "--json", packed)[0], 0)
        with open(os.path.join(folder, "libarchive.so.13"), "wb"):
            pass
        status, out, err = run("summary", packed, LD_LIBRARY_PATH=folder)
        expect("a ZIP without libarchive: one sentence",
               (status, out, err.count("\n"), "no libarchive" in err), (1, "", 1, True))
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "summary", DEMO], stdout=full,
                                  stderr=subprocess.DEVNULL, check=False)
        expect("a full disk", done.returncode, 1)


def fields(value, found):
    """Names of all members, however deep; those that a file chose are left out."""
    if isinstance(value, dict):
        for name, member in value.items():
            found.add(name)
            if not FREE.match(name):
                fields(member, found)
            elif name == "tags":
                for tag in member.values():
                    fields(tag, found)
    elif isinstance(value, list):
        for item in value:
            fields(item, found)


def documented(command):
    page = run("help", command, language="C.UTF-8")[1]
    table = page.split("JSON fields:\n", 1)[1]
    names = set()
    for line in table.splitlines()[1:]:
        cell = re.split(r"  +", line.strip())[0]
        for part in cell.split(", "):
            words = re.findall(r"[a-z0-9_]+", part)
            names.update(words)
            if words and part.startswith("_"):  # "realloc_inplace, _summary"
                names.add(re.match(r"…?([a-z]+)", cell)[1] + part)
    return names


def check_help():
    for command in COMMANDS:
        expect("help %s" % command, run("help", command)[0], 0)
        expect("%s --help is the same page" % command, run(command, "--help")[1],
               run("help", command)[1])
        found = set()
        for path in (DEMO, HEAPTRACK):
            fields(answer(command, path), found)
        if command == "tree":
            fields(answer(command, "--functions", DEMO), found)
        expect("help %s names every field of its JSON" % command,
               sorted(found - documented(command)), [])
    lines = run("dump", "--json", DEMO)[1].splitlines()
    expect("dump --json: an object a line", all(isinstance(json.loads(line), dict)
                                                for line in lines), True)
    # counts, facts and clocks are told anew while a load goes on: how often is a matter of time
    told = ("count", "fact", "clock")
    expect("dump and dump --json have as many lines",
           sum(line.split()[1] not in told for line in run("dump", DEMO)[1].splitlines()),
           sum(json.loads(line)["kind"] not in told for line in lines))
    expect("dump --limit", len(run("dump", "--limit", "7", DEMO)[1].splitlines()), 7)
    expect("dump --kind", {json.loads(line)["kind"] for line in
                           run("dump", "--kind", "alloc,free", "--json", DEMO)[1].splitlines()},
           {"alloc", "free"})


def check_allocators():
    """The user's list, and what one call adds to it."""
    def first(*arguments):
        status, out, err = run("tree", "--bottom-up", "--json", *arguments, DEMO,
                               XDG_CONFIG_HOME=folder)
        return (status, err, json.loads(out)["rows"][0]["label"])

    with tempfile.TemporaryDirectory() as folder:
        expect("allocators: without a list", first(), (0, "", "export_write"))
        expect("--allocator", first("--allocator=export_write"), (0, "", "album_export"))
        expect("--allocator, by their beginning, repeated",
               first("--allocator=export_*", "--allocator", "album_*"), (0, "", "work"))
        os.mkdir(os.path.join(folder, "heapstrata"))
        path = os.path.join(folder, "heapstrata", "allocators")
        with open(path, "w", encoding="ascii") as file:
            file.write("# mine\nexport_write\n")
        expect("the user's list of allocators", first(), (0, "", "album_export"))
        expect("--allocator counts before the list", first("--allocator=-export_write"),
               (0, "", "export_write"))
        os.remove(path)
        os.mkdir(path)
        status, err, label = first()
        expect("a list that cannot be read is told", (status, path in err, label),
               (0, True, "export_write"))


def blocks_of_demo():
    """(size, thread, lifetime in seconds or None, at least) of every block, from the events."""
    live, blocks, last = {}, [], 0
    for line in run("dump", "--json", "--kind", "alloc,free,realloc", DEMO)[1].splitlines():
        event = json.loads(line)
        last = event["time"] / 1e9
        if event["kind"] == "realloc" and event["old_address"] not in live:
            continue  # the summary of the allocation and the free before it
        if event["kind"] != "alloc":
            size, thread, born = live.pop(event.get("old_address", event["address"]))
            blocks.append((size, thread, last - born, last - born))
        if event["kind"] != "free":
            live[event["address"]] = (event["size"], event["thread"], last)
    return blocks + [(size, thread, None, last - born) for size, thread, born in live.values()]


def check_filters():
    """Every term, in every command that takes it, against the events themselves."""
    blocks = blocks_of_demo()
    thread = blocks[0][1]
    for options, passes in (
            (["--lifetime", "<10ms"], lambda size, tid, life, least:
             life is not None and life < 0.01),
            (["--lifetime", "1s.."], lambda size, tid, life, least: least >= 1),
            (["--lifetime", "10ms..1s", "--size", ">1k"], lambda size, tid, life, least:
             life is not None and 0.01 <= life <= 1 and size > 1024),
            (["--thread", str(thread), "--lifetime", ">=2s"], lambda size, tid, life, least:
             tid == thread and least >= 2)):
        passing = [block[0] for block in blocks if passes(*block)]
        wanted = (len(passing), sum(passing))
        what = " ".join(options)
        expect("%s: some blocks pass, some do not" % what, 0 < len(passing) < len(blocks), True)
        for command in ("tree", "histogram")[:1 if "--size" in options else 2]:
            total = answer(command, *options, DEMO)["total"]  # a histogram shows all sizes
            expect("%s %s" % (command, what), (total["total_count"], total["total_bytes"]), wanted)
        column = answer("timeline", *options, "--columns", "1", DEMO)["columns"][0]
        expect("timeline %s" % what, (column["births"], column["birth_bytes"]), wanted)
    whole = answer("tree", DEMO)
    for options, label in ((["--frames", "PICTURE_dec"], "picture_decode"),
                           (["--frames", "picture_dec", "--module", "demo"], "picture_decode")):
        rows = answer("tree", "--functions", "--limit", "0", DEMO)["functions"]
        row = next(row for row in rows if row["label"] == label)
        for command in ("tree", "histogram"):
            expect("%s %s" % (command, " ".join(options)),
                   answer(command, *options, DEMO)["total"]["total_bytes"],
                   row["inclusive"]["total_bytes"])
    expect("tree --module of all", answer("tree", "--module", "libc", DEMO)["total"],
           whole["total"])
    expect("tree --module of none",
           answer("tree", "--module", "picture_dec", DEMO)["total"]["total_count"], 0)


def check_agreement(path):
    name = os.path.basename(path)
    summary = answer("summary", path)
    totals = summary["totals"]
    tree = answer("tree", path)
    histogram = answer("histogram", path)
    timeline = answer("timeline", path)
    functions = answer("tree", "--functions", path)
    for what, total in (("tree", tree["total"]), ("histogram", histogram["total"]),
                        ("functions", functions["total"])):
        expect("%s: %s has the summary's totals" % (name, what),
               (total["total_bytes"], total["total_count"], total["outstanding_bytes"],
                total["outstanding_count"]),
               (totals["opened_bytes"], totals["opened"], totals["outstanding_bytes"],
                totals["outstanding_count"]))
    expect("%s: tree has the summary's peak" % name, tree["total"]["peak_bytes"],
           totals["peak_bytes"])
    expect("%s: timeline has the summary's peak" % name, timeline["max_bytes"],
           totals["peak_bytes"])
    if totals["peak_time"] is not None:
        expect("%s: and its time" % name, timeline["peak_time"], totals["peak_time"])
        expect("%s: so has the tree" % name, tree["peak_time"], totals["peak_time"])
    expect("%s: timeline ends with what is live" % name,
           (timeline["columns"][-1]["live_bytes"], timeline["columns"][-1]["live_count"]),
           (totals["live_bytes"], totals["live_count"]))
    expect("%s: functions sum up" % name,
           sum(f["exclusive"]["total_bytes"] for f in functions["functions"]),
           totals["opened_bytes"])
    top = [row for row in tree["rows"] if row["depth"] == 1]
    expect("%s: the top rows sum up" % name, sum(r["inclusive"]["total_bytes"] for r in top),
           totals["opened_bytes"])
    expect("%s: processes as in the summary" % name,
           sum(p["outstanding_bytes"] for p in answer("processes", path)["processes"]),
           totals["outstanding_bytes"])
    end = summary["duration"]
    halves = [answer("tree", "--from", "0", "--to", "%.9f" % (end / 2), path)["total"],
              answer("tree", "--from", "%.9f" % (end / 2 + 2 / summary["ticks_per_second"]),
                     path)["total"]]
    expect("%s: of a range: what is live then" % name, halves[0]["aofo_bytes"], 0)
    expect("%s: blocks of two halves" % name,
           halves[0]["total_count"] + halves[1]["total_count"] <= totals["opened"], True)
    expect("%s: text has no stray columns" % name,
           len({len(line) for line in run("timeline", path)[1].splitlines()}), 1)


def check_drawing():
    with open(PROGRAM, "rb") as file:
        expect("what draws is not loaded by other commands", b"libcairo.so" in file.read(), False)
    with tempfile.TemporaryDirectory() as folder:
        for chart, name, begin in (("timeline", "chart.svg", b"<?xml"),
                                   ("histogram", "chart.png", b"\x89PNG")):
            path = os.path.join(folder, name)
            # fontconfig keeps what it has read
            expect("draw " + chart,
                   run("draw", chart, DEMO, "-o", path, ASAN_OPTIONS="detect_leaks=0"), (0, "", ""))
            with open(path, "rb") as file:
                expect(chart + " is a picture", file.read().startswith(begin), True)
        missing = os.path.join(folder, "missing", "chart.svg")
        status, _, err = run("draw", "timeline", DEMO, "-o", missing)
        expect("draw where nothing can be written", (status, missing in err), (1, True))


def main():
    check_usage()
    check_drawing()
    check_damage()
    check_help()
    check_allocators()
    check_filters()
    for path in (DEMO, HEAPTRACK):
        check_agreement(path)
    print("1..%d" % n_checks)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
