# SPDX-License-Identifier: GPL-3.0-or-later
"""Records programs that make other processes, with and without --follow.

Usage: check_follow.py HEAPSTRATA KIN SCRATCH [STATIC]; STATIC is a program that is statically
linked. Each case of kin.c stands here with what it does:
blocks are told by their sizes, processes by pid and instance.
"""
import collections
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, KIN, SCRATCH = sys.argv[1:4]
STATIC = sys.argv[4] if len(sys.argv) > 4 else None
KIN = os.path.abspath(KIN)
os.environ["XDG_RUNTIME_DIR"] = RUNTIME = os.path.join(SCRATCH, "run-follow")
os.makedirs(RUNTIME, mode=0o700, exist_ok=True)
results = Results()
check = results.check


class Trace:
    """A recorded command: its exit status, its processes, and which of them allocated what."""

    def __init__(self, name, *command, extension="hst", follow=True, **options):
        path = os.path.join(SCRATCH, f"follow-{name}.{extension}")
        arguments = [HEAPSTRATA, "record", "-o", path]
        done = subprocess.run(arguments + (["--follow"] if follow else []) + ["--", *command],
                              capture_output=True, text=True, timeout=300, **options)
        self.status, self.errors, self.output = done.returncode, done.stderr, done.stdout
        summary = json.loads(self.ask("summary", path))
        self.processes = summary["processes"]
        self.totals = summary["totals"]
        self.events = [json.loads(line) for line in self.ask("dump", "--limit=0", path).splitlines()
                       if line.startswith("{")]
        self.sizes = collections.defaultdict(collections.Counter)
        for event in self.events:
            if event["kind"] == "alloc":
                self.sizes[event["process"]][event["size"]] += 1

    @staticmethod
    def ask(command, *arguments):
        return subprocess.run([HEAPSTRATA, command, "--json", *arguments], capture_output=True,
                              text=True, timeout=120).stdout

    def owners(self, size):
        """Processes that allocated a block of that size, in order of their numbers."""
        return [process for process, sizes in sorted(self.sizes.items()) if sizes[size]]

    def check(self, what, is_right):
        names = ("pid", "instance", "image", "allocs", "frees", "end_reason", "is_forked")
        check(what, is_right, (self.status, self.errors,
                               [[process[name] for name in names] for process in self.processes]))

    def is_in_order(self):
        times = [event["time"] for event in self.events
                 if event["kind"] in ("alloc", "free", "realloc")]
        return times == sorted(times)


def forks(extension):
    trace = Trace("fork", KIN, "fork", extension=extension)
    trace.check("fork: exit status", trace.status == 3)
    trace.check("fork: two processes", [p["is_forked"] for p in trace.processes] == [False, True])
    trace.check("fork: parent and child", trace.owners(5001) == [0] and trace.owners(5002) == [1])
    trace.check("fork: the parent's block is freed by both", trace.totals["inherited_frees"] == 1
                and trace.totals["unmatched_frees"] == 0)
    parent, child = trace.processes
    trace.check("fork: parent pid", child["parent_pid"] == parent["pid"])
    trace.check("fork: in order", trace.is_in_order())
    alone = Trace("fork-alone", KIN, "fork", extension=extension, follow=False)
    alone.check("fork: alone", len(alone.processes) == 1 and alone.owners(5002) == [])


def execs(extension):
    trace = Trace("exec", KIN, "exec", extension=extension)
    trace.check("exec: exit status", trace.status == 4)
    trace.check("exec: two instances", [p["instance"] for p in trace.processes] == [0, 1]
                and len({p["pid"] for p in trace.processes}) == 1)
    trace.check("exec: each its own", trace.owners(5003) == [0] and trace.owners(5004) == [1])
    trace.check("exec: reasons", [p["end_reason"] for p in trace.processes] == ["exec", "exit"])
    alone = Trace("exec-alone", KIN, "exec", extension=extension, follow=False)
    alone.check("exec: the same without --follow", alone.status == 4
                and alone.owners(5003) == [0] and alone.owners(5004) == [1]
                and [p["end_reason"] for p in alone.processes] == ["exec", "exit"]
                and "by exec" not in alone.errors)
    failed = Trace("failed-exec", KIN, "failed-exec", extension=extension)
    failed.check("failed exec: goes on", failed.status == 5 and len(failed.processes) == 1
                 and failed.owners(5006) == failed.owners(5007) == [0]
                 and failed.processes[0]["end_reason"] == "exit")


def chains():
    """All ways to exec, one after the other; what else it starts on its way is not recorded."""
    trace = Trace("chain", KIN, "chain", "0", follow=False)
    trace.check("chain: without a trace of us in the environment", trace.status == 7)
    trace.check("chain: each program", [trace.owners(5100 + i) for i in range(9)]
                == [[i] for i in range(9)])
    trace.check("chain: no child", len(trace.processes) == 9 and trace.owners(5004) == [])
    shell = Trace("shell", "sh", "-c", f"exec env A=b {KIN} leaf", follow=False)
    shell.check("chain: sh, env, program", shell.status == 4 and shell.owners(5004) == [2])
    if STATIC is None:
        print("SKIPPED static programs cannot be linked here")
        return
    static = Trace("static", KIN, "exec-file", STATIC, follow=False)
    static.check("chain: a static program is told", static.status == 0
                 and "by exec" in static.errors and len(static.processes) == 1)


def spawns():
    trace = Trace("vfork", KIN, "vfork")
    trace.check("vfork: two processes", trace.status == 5 and len(trace.processes) == 2
                and trace.owners(5005) == [0] and trace.owners(5004) == [1]
                and not any(p["is_forked"] for p in trace.processes))
    trace = Trace("spawn", KIN, "spawn")
    trace.check("spawn, fork, execl: four instances", trace.status == 5
                and len(trace.processes) == 4 and trace.owners(5004) == [1]
                and sum(p["image"] in ("sh", "dash", "bash") for p in trace.processes) == 1)


def others():
    trace = Trace("daemon", KIN, "daemon")
    trace.check("daemon: recorded to its end", trace.status == 6 and len(trace.processes) == 3
                and len(trace.owners(5008)) == 1)
    alone = Trace("daemon-alone", KIN, "daemon", follow=False)
    alone.check("daemon: alone", alone.status == 6 and len(alone.processes) == 1)
    trace = Trace("nested", KIN, "nested")
    trace.check("nested: five processes", len(trace.processes) == 5
                and all(len(trace.owners(6000 + depth)) == 1 for depth in range(5)))
    trace = Trace("busy", KIN, "busy")
    trace.check("busy: every child", trace.status == 0 and len(trace.owners(7001)) == 20)
    threads = [event for event in trace.events if event["kind"] == "thread"
               and event["process"] == 0]
    names = {event["thread"]: event["name"] for event in threads if event.get("name")}
    check("busy: five threads, by name", sorted(names.values()) == ["even", "even", "kin", "odd",
                                                                    "odd"], threads)
    trace.check("busy: in order, nothing wrong", trace.is_in_order()
                and trace.totals["duplicate_allocs"] == 0)


def real_programs():
    trace = Trace("pipeline", "sh", "-c", "printf 'b\\na\\n' | sort | cat; exit 11")
    trace.check("pipeline", trace.status == 11 and trace.output == "a\nb\n"
                and {p["image"] for p in trace.processes} >= {"sort", "cat"})
    script = "import subprocess, sys; sys.exit(subprocess.run(['sh', '-c', 'exit 12']).returncode)"
    trace = Trace("python", "/usr/bin/python3", "-c", script)
    trace.check("python", trace.status == 12 and len(trace.processes) >= 2)
    trace.check("python: in order", trace.is_in_order())
    if shutil.which("make") is None:
        print("SKIPPED make is not here")
        return
    folder = os.path.join(SCRATCH, "follow-make")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "a.c"), "w", encoding="utf-8") as file:
        file.write("int main (void) { return 0; }\n")
    with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
        file.write("a: a.c\n\tcc -o a a.c\n\t./a\n")
    if os.path.exists(os.path.join(folder, "a")):
        os.unlink(os.path.join(folder, "a"))
    trace = Trace("make", "make", "-C", folder)
    images = {p["image"] for p in trace.processes}
    trace.check("make and cc", trace.status == 0 and any("cc1" in name for name in images)
                and any("ld" in name for name in images))
    trace.check("make: nothing wrong", trace.totals["unmatched_frees"] == 0
                and trace.totals["duplicate_allocs"] == 0 and trace.is_in_order())


def main():
    for extension in ("hst", "etl"):
        forks(extension)
        execs(extension)
    chains()
    spawns()
    others()
    real_programs()
    check("no socket is left", os.listdir(os.path.join(RUNTIME, "heapstrata")) == [])
    return results.end()


sys.exit(main())
