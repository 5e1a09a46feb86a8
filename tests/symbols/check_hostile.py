#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged programs, and debuginfod servers that are slow, broken or lie, through `heapstrata
addr2line`: each ends soon with names or with one sentence, whatever becomes of the worker process.
The server is a few lines of Python on the loopback interface."""

import http.server
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
N_MUTATIONS = int(os.environ.get("HEAPSTRATA_MUTATIONS", "120"))
SEED = 4711

results = Results()


class Answers(http.server.BaseHTTPRequestHandler):
    """What a debuginfod server says: set by the test in `mode`."""
    mode, body, other, asked, n_sent = "missing", b"", b"", [], 0

    def do_GET(self):
        type(self).asked.append(self.path)
        mode = type(self).mode
        if mode == "missing" or not self.path.endswith("/debuginfo"):
            self.send_error(404)
            return
        if mode == "huge":
            self.send_much()
            return
        body = {"right": self.body, "slow": self.body, "cut": self.body,
                "nonsense": b"not an ELF file at all" * 100, "empty": b"",
                "liar": self.other}[mode]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mode == "slow":
            for i in range(0, len(body), len(body) // 8 + 1):
                self.wfile.write(body[i:i + len(body) // 8 + 1])
                self.wfile.flush()
                time.sleep(0.2)
        elif mode == "cut":  # the connection ends early
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def send_much(self):
        """More than anyone wants, as was said before."""
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.close_connection = True
        try:
            while Answers.n_sent < 4 << 30:
                self.wfile.write(bytes(1 << 16))
                Answers.n_sent += 1 << 16
        except OSError:
            pass

    def log_message(self, *args):
        pass


def addr2line(program, path, addresses, **environment):
    begin = time.monotonic()
    out = subprocess.run([program, "addr2line", "--json", path, *addresses], text=True,
                         env={**os.environ, **environment}, capture_output=True, errors="replace",
                         timeout=120)
    return out, time.monotonic() - begin


def functions(out):
    return [f["function"] for a in json.loads(out.stdout)["addresses"] for f in a["frames"]]


def compile_small(folder):
    path = os.path.join(folder, "small")
    subprocess.run(["gcc", "-g", "-O2", "-o", path, os.path.join(HERE, "subject.c")], check=True)
    return path


def function_addresses(path):
    out = subprocess.run(["nm", path], text=True, check=True, capture_output=True).stdout
    return re.findall(r"^([0-9a-f]+) [tT] (?:main|insert|lengths|new_node)$", out, re.M)


def check_damage(program, folder):
    """Cut everywhere, and bytes changed anywhere: half of them in the headers and the DWARF."""
    path = compile_small(folder)
    addresses = function_addresses(path)
    with open(path, "rb") as file:
        whole = file.read()
    out = subprocess.run(["readelf", "-SW", path], text=True, capture_output=True).stdout
    debug = [int(offset, 16) for offset in
             re.findall(r" \.(?:debug_aranges|shstrtab) +\S+ +\S+ (\S+)", out)]
    rng = random.Random(SEED)
    bad, slowest, states = [], 0.0, {}
    for number in range(N_MUTATIONS):
        damaged = bytearray(whole)
        kind = number % 4
        if kind == 0:
            del damaged[rng.randrange(len(whole)):]
        else:
            low, high = ((0, 64), (len(whole) - 4096, len(whole)), debug)[kind - 1]
            for _ in range(rng.randrange(1, 40 if kind == 3 else 4)):
                damaged[rng.randrange(low, high)] = rng.randrange(256)
        there = os.path.join(folder, "damaged")
        with open(there, "wb") as file:
            file.write(damaged)
        out, seconds = addr2line(program, there, addresses)
        slowest = max(slowest, seconds)
        sentence = re.sub(r".*damaged: ", "", out.stderr.strip().splitlines()[-1]) \
            if out.stderr.strip() else "names"
        states[sentence] = states.get(sentence, 0) + 1
        if out.returncode not in (0, 1) or (out.returncode == 1 and not out.stderr) or \
                len(json.loads(out.stdout)["addresses"]) != len(addresses) or seconds > 60:
            bad.append((number, out.returncode, out.stderr[-300:]))
    for sentence, n in sorted(states.items(), key=lambda s: -s[1])[:12]:
        print("# %4d %.160s" % (n, sentence))
    results.check("%d damaged programs: an answer each, the slowest after %.1f s" % (
        N_MUTATIONS, slowest), not bad, bad[:3])


def check_other_files(program, folder):
    for label, path in (("a folder", folder), ("a pipe", os.path.join(folder, "pipe")),
                        ("nothing", os.path.join(folder, "nothing")), ("a device", "/dev/zero"),
                        ("an object file", os.path.join(folder, "object.o"))):
        if label == "a pipe":
            os.mkfifo(path)
        if label == "an object file":
            subprocess.run(["gcc", "-c", "-g", "-o", path, os.path.join(HERE, "subject.c")],
                           check=True)
        out, _ = addr2line(program, path, ["1000"])
        results.check(label + " is refused with a sentence",
                      out.returncode == 1 and out.stderr.count("\n") == 1, out.stderr)


def check_worker(program, folder, path, addresses):
    """A worker that dies, hangs or talks nonsense."""
    there = os.path.join(folder, "libexec")
    os.mkdir(there)
    worker = os.path.join(there, "heapstrata-symbols")
    for label, script in (("dies", "kill -SEGV $$"), ("ends", "exit 3"),
                          ("talks nonsense", "head -c 100000 /dev/urandom")):
        with open(worker, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n%s\n" % script)
        os.chmod(worker, 0o755)
        out, seconds = addr2line(program, path, addresses, HEAPSTRATA_LIBEXEC=there)
        results.check("a worker that %s: one sentence" % label,
                      out.returncode == 1 and "reader of symbols" in out.stderr and seconds < 30,
                      out.stderr)
    os.remove(worker)
    out, _ = addr2line(program, path, addresses, HEAPSTRATA_LIBEXEC=there)
    results.check("no worker: one sentence", out.returncode == 1 and
                  "cannot be started" in out.stderr, out.stderr)


def worker_of(pid):
    """The process that reads files for another one, while it runs."""
    for _ in range(200):
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
            children = file.read().split()
        for child in children:
            with open("/proc/%s/comm" % child, encoding="ascii") as file:
                if file.read().startswith("heapstrata-symb"):
                    return child
        time.sleep(0.05)
    return None


def check_limits(program, path, environment):
    """The reader cannot take all memory nor all time, and leaves no core of others' files."""
    with subprocess.Popen([program, "addr2line", path, "1"], env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        limits, n_tries = {}, 0
        worker = worker_of(run.pid)
        while worker and limits.get("cpu time", "unlimited") == "unlimited" and n_tries < 20:
            time.sleep(0.1)
            n_tries += 1
            with open("/proc/%s/limits" % worker, encoding="ascii") as file:
                limits = dict(re.findall(r"^Max (.*?)  +(\w+)", file.read(), re.M))
        with open("/proc/%s/maps" % worker, encoding="utf-8") as file:
            is_sanitized = "libasan" in file.read()
        run.terminate()
    names = ["cpu time", "core file size"] + ([] if is_sanitized else ["address space"])
    results.check("limits of the reader: %s" % ", ".join(names), worker and all(
        limits[name] != "unlimited" for name in names), limits)


def check_server(program, folder):
    path = compile_small(folder)
    addresses = function_addresses(path)
    stripped = os.path.join(folder, "stripped")
    for tool in (["objcopy", "--only-keep-debug", path, path + ".debug"],
                 ["strip", "-o", stripped, path]):
        subprocess.run(tool, check=True)
    with open(path + ".debug", "rb") as file:
        Answers.body = file.read()
    other = os.path.join(folder, "other")
    subprocess.run(["gcc", "-g", "-O1", "-o", other, os.path.join(HERE, "subject.c")], check=True)
    with open(other, "rb") as file:
        Answers.other = file.read()
    os.remove(path + ".debug")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_address[1]

    out, _ = addr2line(program, stripped, addresses, DEBUGINFOD_URLS="")
    results.check("no DEBUGINFOD_URLS: nobody is asked", not Answers.asked and not functions(out))
    for mode in ("missing", "nonsense", "liar", "cut", "empty", "huge", "slow", "right"):
        Answers.mode = mode
        cache = os.path.join(folder, "cache-" + mode)
        out, seconds = addr2line(program, stripped, addresses, DEBUGINFOD_URLS=url,
                                 DEBUGINFOD_CACHE_PATH=cache, DEBUGINFOD_TIMEOUT="5")
        named = "insert" in functions(out)
        results.check("a server: %s" % mode, named == (mode in ("slow", "right")) and
                      seconds < 60 and out.returncode == (0 if named else 1), out.stderr)
    results.check("the server was asked", Answers.asked)
    results.check("a huge file is given up at once", Answers.n_sent < 256 << 20, Answers.n_sent)
    Answers.mode = "slow"
    check_limits(program, stripped, dict(os.environ, DEBUGINFOD_URLS=url,
                                         DEBUGINFOD_CACHE_PATH=os.path.join(folder, "cache-2")))
    server.shutdown()
    begin = time.monotonic()
    server.server_close()
    out, _ = addr2line(program, stripped, addresses, DEBUGINFOD_URLS=url,
                       DEBUGINFOD_CACHE_PATH=os.path.join(folder, "cache-gone"))
    results.check("a server that is gone", not functions(out) and time.monotonic() - begin < 60)


def main():
    for tool in ("gcc", "strip", "nm"):
        if not shutil.which(tool):
            print("1..0 # SKIP %s is not installed" % tool)
            return 0
    program = os.path.abspath(sys.argv[1])
    os.environ.pop("DEBUGINFOD_URLS", None)
    with tempfile.TemporaryDirectory() as folder:
        check_other_files(program, folder)
        check_damage(program, folder)
        check_worker(program, folder, compile_small(folder), ["1139"])
        check_server(program, folder)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
