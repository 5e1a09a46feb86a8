# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench_capture.py measures: workloads, and how each tool records one.

The workloads are those of the shared measuring kit (mb.c, a Python script, a SQLite script, a CMake
script, the SQLite amalgamation for cc1). What is missing here is named with its reason and skipped.
"""

import glob
import os
import shutil
import subprocess

HEAPTRACK = "/usr/lib/heaptrack"
LTTNG_WRAPPER = "/usr/lib/x86_64-linux-gnu/liblttng-ust-libc-wrapper.so.1"
SESSION = "heapstrata-bench"


class Kit:
    """The kit's programs, built into a folder of ours."""

    def __init__(self, kit, folder):
        self.kit, self.folder = kit, folder
        os.makedirs(folder, exist_ok=True)
        for name, source, options in (
                ("mb", "mb.c", ["-pthread"]),
                ("count.so", "probe.c", ["-fPIC", "-shared", "-DRUNG=0", "-w"]),
                ("unw.so", "probe.c", ["-fPIC", "-shared", "-DRUNG=4", "-w", "-lunwind"])):
            target = os.path.join(folder, name)
            if not os.path.exists(target):
                libraries = [x for x in options if x.startswith("-l")]
                others = [x for x in options if not x.startswith("-l")]
                subprocess.run(["gcc", "-O2", "-g", *others, os.path.join(kit, "src", source),
                                "-o", target, *libraries], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def amalgamation(self):
        """The preprocessed SQLite: SQLITE_C, or npm's better-sqlite3; None when neither."""
        target = self.path("sqlite3.i")
        if os.path.exists(target):
            return target
        source = os.environ.get("SQLITE_C")
        if source is None and shutil.which("npm"):
            subprocess.run(["npm", "pack", "--silent", "better-sqlite3@12.11.1"], cwd=self.folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            for package in glob.glob(self.path("better-sqlite3-*.tgz")):
                subprocess.run(["tar", "xzf", package, "package/deps/sqlite3"], cwd=self.folder,
                               check=False)
            source = self.path("package/deps/sqlite3/sqlite3.c")
        if source is None or not os.path.exists(source):
            return None
        subprocess.run(["gcc", "-E", "-w", source, "-o", target], check=True)
        return target


def workloads(kit, scale):
    """name -> (command, environment, threads); and a list of what is skipped, with the reason."""
    scripts = os.path.join(kit.kit, "workloads")
    mb, pairs = kit.path("mb"), str(int(1000000 * scale))
    found = {
        "mb-d20": ([mb, "1", "20", pairs], {}, 1),
        "mb-d60": ([mb, "1", "60", pairs], {}, 1),
        "mb-d60-vary": ([mb, "1", "60", pairs, "vary"], {}, 1),
        "mb-d20-2thr": ([mb, "2", "20", pairs], {}, 2),
        # start-up must not count where a nanosecond is asked for
        "mb-d20-long": ([mb, "1", "20", str(10 * int(pairs))], {}, 1),
    }
    skipped = []
    for name, program, arguments, environment in (
            ("python", "/usr/bin/python3", [os.path.join(scripts, "json_ast.py"), "3"],
             {"PYTHONMALLOC": "malloc"}),
            ("sqlite", "/usr/bin/sqlite3",
             [":memory:", ".read " + os.path.join(scripts, "mem.sql")], {}),
            ("cmake", "/usr/bin/cmake",
             ["-DCOUNT=8000", "-P", os.path.join(scripts, "strings.cmake")], {})):
        if os.path.exists(program):
            found[name] = ([program, *arguments], environment, 1)
        else:
            skipped.append("%s: no %s" % (name, program))
    source = kit.amalgamation()
    if source:
        cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip()
        found["cc1"] = ([cc1, "-quiet", "-fpreprocessed", "-O0", "-w", source, "-o", "/dev/null"],
                        {}, 1)
    else:
        skipped.append("cc1: no sqlite3.c (set SQLITE_C, or install npm)")
    return found, skipped


def tools(kit, build, helps_free_stacks):
    """name -> function (trace path) -> (command prefix, environment, trace files)."""
    heapstrata = os.path.join(build, "src", "cli", "heapstrata")
    agent = os.path.join(build, "src", "capture", "heapstrata-agent.so")
    idle = os.path.join(build, "tests", "bench", "idle_agent")

    def ours(*options):
        return lambda out: ([heapstrata, "record", "-o", out + ".hst", *options, "--"], {},
                            [out + ".hst"])

    found = {"ours": ours(), "off": lambda out: ([idle, agent], {}, [])}
    skipped = []
    if helps_free_stacks:
        found["ours-free-stacks"] = ours("--free-stacks")
    else:
        skipped.append("ours-free-stacks: record has no --free-stacks")
    if os.path.exists(kit.path("unw.so")):
        found["libunwind"] = lambda out: (
            [], {"BENCH_PRELOAD": kit.path("unw.so"), "PROBE_STATS": "1"}, [])
    preload = os.path.join(HEAPTRACK, "libheaptrack_preload.so")
    if os.path.exists(preload):
        found["heaptrack-raw"] = lambda out: (
            [], {"BENCH_PRELOAD": preload, "DUMP_HEAPTRACK_OUTPUT": out + ".raw"}, [out + ".raw"])
        # its interpreter can eat all memory; then the target dies
        found["heaptrack"] = lambda out: (
            [os.path.join(kit.kit, "ht_record.sh"), out], {"BENCH_LIMIT_MIB": "8192"},
            [out + ".zst"])
    else:
        skipped.append("heaptrack: not installed")
    if shutil.which("lttng") and os.path.exists(LTTNG_WRAPPER):
        found["lttng"] = lambda out: ([], {"BENCH_PRELOAD": LTTNG_WRAPPER}, [out + ".lttng"])
    else:
        skipped.append("lttng: no lttng-tools or liblttng-ust1")
    return found, skipped


# ---- LTTng: a session around each run, and CPU spent in its daemons -----------------------------

def lttng(*arguments):
    return subprocess.run(["lttng", "-n", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False).stdout


def daemon_cpu():
    """CPU seconds so far of LTTng's daemons."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if "(lttng-consumerd" in text or "(lttng-sessiond" in text:
            fields = text.rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


def lttng_begin(out):
    if not any("(lttng-sessiond" in open(path, encoding="utf-8", errors="replace").read()
               for path in glob.glob("/proc/[0-9]*/stat") if os.path.exists(path)):
        subprocess.run(["lttng-sessiond", "--daemonize", "--no-kernel"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lttng("destroy", SESSION)
    lttng("create", SESSION, "--output=" + out + ".lttng")
    lttng("enable-channel", "-u", "-s", SESSION, "--subbuf-size=4M", "--num-subbuf=16", "channel")
    lttng("enable-event", "-u", "-s", SESSION, "-c", "channel", "lttng_ust_libc:*")
    lttng("start", SESSION)
    return daemon_cpu()


def lttng_end(begin):
    """(CPU seconds of the daemons, events lost)"""
    lttng("stop", SESSION)
    spent = daemon_cpu() - begin
    lost = sum(int(line.split(":")[1]) for line in lttng("status").splitlines()
               if "Discarded events" in line and line.split(":")[1].strip().isdigit())
    lttng("destroy", SESSION)
    return spent, lost
