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
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
N_MUTATIONS = int(os.environ.get("HEAPSTRATA_MUTATIONS", "80"))
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


def answers(program, path, addresses, seconds=60):
    """Whether it ends in time, with an answer for each address, a sentence when none is known."""
    out, taken = addr2line(program, path, addresses)
    is_good = out.returncode in (0, 1) and (out.returncode == 0 or out.stderr) and \
        taken < seconds and len(json.loads(out.stdout)["addresses"]) == len(addresses)
    return is_good, (out.returncode, "%.1f s" % taken, out.stderr[-300:])


def check_headers(program, folder):
    """Counts, places and sizes that cannot be: of the file, and of the sections with names."""
    path = compile_small(folder)
    addresses = function_addresses(path)
    with open(path, "rb") as file:
        whole = file.read()
    headers = struct.unpack_from("<Q", whole, 40)[0]
    damages = [("e_shnum", ((60, "H", 0xFFFF),)), ("e_shnum of section 0", (
        (60, "H", 0), (headers + 32, "Q", 1 << 40))), ("e_shoff", ((40, "Q", 1 << 62),)),
        ("e_shstrndx", ((62, "H", 0xFFFF),)), ("e_shentsize", ((58, "H", 0),)),
        ("e_phnum", ((56, "H", 0xFFFF),)), ("e_phoff", ((32, "Q", 1 << 63),))]
    out = subprocess.run(["readelf", "-SW", path], text=True, capture_output=True).stdout
    wanted = r"\.debug_line|\.debug_info|\.debug_abbrev|\.symtab|\.strtab"
    for number, name, at, size in re.findall(
            r"\[ *(\d+)\] (%s) +\S+ +\S+ (\S+) (\S+)" % wanted, out):
        header, at, size = headers + 64 * int(number), int(at, 16), int(size, 16)
        damages += [(name + " " + what, changes) for what, changes in (
            ("size", ((header + 32, "Q", 1 << 62),)), ("place", ((header + 24, "Q", 1 << 63),)),
            ("link", ((header + 40, "I", 99999),)), ("entries of 0", ((header + 56, "Q", 0),)),
            ("compressed, of 32 TiB", ((header + 8, "Q", 0x800), (at, "IIQQ", 1, 0, 1 << 45, 1))),
            ("of ones", ((at, "%ds" % size, b"\xff" * size),)),
            ("of endless numbers", ((at + 12, "%ds" % (size - 12), b"\x80" * (size - 12)),)))]
    bad, there = [], os.path.join(folder, "headers")
    for label, changes in damages:
        damaged = bytearray(whole)
        for at, form, *values in changes:
            struct.pack_into("<" + form, damaged, at, *values)
        with open(there, "wb") as file:
            file.write(damaged)
        is_good, why = answers(program, there, addresses)
        bad += [] if is_good else [(label, why)]
    results.check("%d programs with impossible headers: an answer each" % len(damages),
                  len(damages) > 30 and not bad, bad[:3])


DWARF = """
        .text
        .globl main
main:   .fill 64, 1, 0x90
        .section .debug_abbrev, "", @progbits
        .byte 1, 0x11, 1, 0x10, 0x17, 0x11, 1, 0x12, 7, 0, 0        # unit: lines, from, size
        .byte 2, 0x2e, 1, 0x11, 1, 0x12, 7, 0, 0                    # function: from, size
        .byte 3, 0x1d, 1, 0x31, 0x13, 0x11, 1, 0x12, 7, 0, 0        # inlined: what, from, size
        .byte 4, 0x0b, 1, 0, 0                                      # block
        .byte 5, 0x1d, 0, 0x03, 0x16, 0, 0                          # inlined: a name of any form
        .byte 0
        .section .debug_info, "", @progbits
unit:   .long info_end - info
info:   .value 4
        .long 0
        .byte 8
        .byte 1
        .long 0
        .quad main, 64
        .byte 2
        .quad main, 64
%s
        .byte 0, 0
info_end:
        .section .debug_line, "", @progbits
        .long line_end - line
line:   .value 4
        .long head_end - head
head:   .byte 1, 1, 1, -5, %d, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0
        .asciz "a.c"
        .byte 0, 0, 0, 0
head_end:
        .byte 0, 9, 2
        .quad main
        .fill %d, 1, 33
        .byte 0, 1, 1
line_end:
"""
INLINED = "        .byte 3\n        .long %s - unit\n        .quad main, 64\n"


def check_debug_information(program, folder):
    """DWARF that is well formed, and refers to itself, is too deep or too long."""
    def many(what, n, end="        .byte 0\n"):
        return "        .rept %d\n%s        .endr\n" % (n, what) + \
            "        .rept %d\n%s        .endr\n" % (n, end)

    bad = []
    for label, body, line_range, n_lines in (
            ("nothing special", "", 14, 3),
            ("origin of itself", "one:\n" + INLINED % "one" + "        .byte 0\n", 14, 3),
            ("origins in a ring", "one:\n" + INLINED % "two" + "two:\n" + INLINED % "one" +
             "        .byte 0, 0\n", 14, 3),
            ("50000 deep", "one:\n" + many(INLINED % "one", 50000), 14, 3),
            ("400000 blocks deep", many("        .byte 4\n", 400000), 14, 3),
            ("forms of forms", "        .byte 5\n        .fill 400000, 1, 0x16\n"
             "        .byte 0x0b, 1\n", 14, 3),
            ("lines by zero", "", 0, 3), ("2000000 lines", "", 14, 2000000)):
        source, there = os.path.join(folder, "evil.s"), os.path.join(folder, "evil")
        with open(source, "w", encoding="ascii") as file:
            file.write(DWARF % (body, line_range, n_lines))
        subprocess.run(["gcc", "-nostdlib", "-no-pie", "-Wl,-e,main", "-o", there, source],
                       check=True)
        begin = subprocess.run(["nm", there], text=True, check=True, capture_output=True).stdout
        begin = re.search(r"^(\w+) T main$", begin, re.M)[1]
        is_good, why = answers(program, there, [begin])
        bad += [] if is_good else [(label, why)]
    results.check("debug information that is endless: an answer each", not bad, bad[:3])


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
        check_headers(program, folder)
        check_debug_information(program, folder)
        check_worker(program, folder, compile_small(folder), ["1139"])
        check_server(program, folder)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
