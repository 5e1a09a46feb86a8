#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program with known allocations is compiled, recorded and printed: the tree has the names of its
functions, with the bytes that they are known to allocate. Every frame of recordings of python3,
git, C++ and Rust has the names and lines that llvm-symbolizer and eu-addr2line say; of a stripped
program those of its debug file, beside it or from a server on loopback."""

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

import check_names as oracle

HERE = os.path.dirname(os.path.abspath(__file__))
KEEP = "shop::Basket::keep(unsigned long)"

results = oracle.results


def compile_subject(folder, name, *options):
    path = os.path.join(folder, name)
    source = os.path.join(HERE, "subject.cc")
    subprocess.run(["g++", "-g", *options, "-o", path, source], check=True)
    return path


class Program:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def __call__(self, *args, status=0):
        out = subprocess.run([self.path, *args], text=True, capture_output=True, cwd=self.folder)
        if out.returncode != status:
            results.check(" ".join(args), False, "status %d: %s" % (out.returncode, out.stderr))
        return out.stdout

    def rows(self, *args):
        return json.loads(self("tree", "--json", *args))["rows"]

    def modules(self, *args):
        modules = json.loads(self("modules", "--json", *args))["modules"]
        return {os.path.basename(m["path"]): m for m in modules}


def check_names(heapstrata, trace):
    rows = heapstrata.rows("--leaks", "--bottom-up", trace)
    results.check("the first row is the user's own code, not operator new",
                  rows[0]["label"] == KEEP, rows[0])
    results.check("with its bytes and blocks",
                  (rows[0]["inclusive"]["outstanding_bytes"],
                   rows[0]["inclusive"]["outstanding_count"]) == (1000000, 10), rows[0])
    plain = [r for r in rows if r["label"] == "plain_c_function" and r["depth"] == 1]
    results.check("a C function and its bytes",
                  [r["inclusive"]["outstanding_bytes"] for r in plain] == [50000], plain)
    results.check("source file and line", rows[0]["location"].startswith("subject.cc:"), rows[0])

    rows = heapstrata.rows("--metric", "total", "--limit", "0", trace)
    inlined = [r["label"] for r in rows if r["inlined"]]
    results.check("inlined functions are rows, and marked",
                  "shop::Basket::add(std::__cxx11::basic_string<char, std::char_traits<char>, "
                  "std::allocator<char> > const&)" in inlined, inlined)
    labels = {r["label"] for r in rows}
    results.check("no row of the program is without a name",
                  not any(label.startswith("program+0x") for label in labels), sorted(labels))
    for label in ("main", KEEP, "plain_c_function"):
        places = {(r["parent"], r["label"]) for r in rows if r["label"] == label}
        results.check("%s: offsets of one function are one row" % label, len(places) == 1, places)


def check_lines(heapstrata, trace):
    """Known bytes stand at the lines that allocate them, and at those that call these."""
    path = os.path.join(HERE, "subject.cc")
    with open(path, encoding="utf-8") as file:
        text = file.read().split("\n")
    answer = json.loads(heapstrata("source", "--json", "--lines-of", "subject.cc", trace))
    lines = {line["line"]: (line["outstanding_bytes"], line["outstanding_count"])
             for line in answer["lines"]}
    for part, wanted in (("new char[size]", (1000000, 10)), ("malloc (size)", (50000, 10)),
                         ("basket.keep (100000)", (1000000, 10)),
                         ("plain_c_function (5000)", (50000, 10))):
        line = next(i for i, content in enumerate(text, 1) if part in content)
        near = {lines.get(i) for i in (line, line + 1)}  # a return address may be the next line's
        results.check("source: the line of “%s”" % part, wanted in near, (line, lines))
    results.check("source: the path as compiled", answer["path"] == path, answer["path"])
    files = json.loads(heapstrata("source", "--json", trace))["files"]
    mine = [f for f in files if f["path"] == path]
    results.check("source: what the file holds",
                  len(mine) == 1 and mine[0]["outstanding_bytes"] >= 1050000, mine)
    shown = heapstrata("source", "--lines-of", "subject.cc", trace)
    results.check("source: text beside the numbers", "new char[size]" in shown, shown)
    heapstrata("source", "--lines-of", "no_such.cc", trace, status=2)


def check_etl(heapstrata, trace):
    heapstrata("convert", trace, "trace.etl")
    rows = heapstrata.rows("--leaks", "--bottom-up", "trace.etl")
    results.check("the same names as ETL", rows[0]["label"] == KEEP, rows[0])


def check_modules(heapstrata, trace):
    modules = heapstrata.modules(trace)
    results.check("modules: symbols with lines, nothing hidden",
                  modules["program"]["symbols"] == "lines" and
                  modules["program"]["hidden_bytes"] == 0, modules["program"])
    modules = heapstrata.modules("--no-symbols", trace)
    results.check("modules --no-symbols: what it hides",
                  modules["program"]["hidden_bytes"] >= 1050000 and
                  modules["program"]["named_frames"] == 0, modules["program"])


def check_side_file(heapstrata, folder, program, trace):
    """With the side file beside it a trace is read where its programs are not."""
    wanted = heapstrata.rows("--metric", "total", trace)
    out = heapstrata("symbolize", trace)
    results.check("symbolize", out.startswith("trace.hst.names: "), out)
    os.rename(program, program + ".away")
    there = os.path.join(folder, "there")
    os.mkdir(there)
    for name in ("trace.hst", "trace.hst.names"):
        shutil.copy(os.path.join(folder, name), there)
    copied = "there/trace.hst"
    rows = heapstrata.rows("--sysroot", "/nowhere", "--metric", "total", copied)
    results.check("side file: the same tree", rows == wanted, (len(rows), len(wanted)))
    modules = heapstrata.modules("--sysroot", "/nowhere", copied)
    results.check("side file: nothing is hidden",
                  modules["program"]["hidden_bytes"] == 0 and
                  modules["program"]["symbols"] == "lines", modules["program"])
    with open(os.path.join(there, "trace.hst.names"), "rb") as file:
        text = file.read()
    rng = random.Random(7)
    for number in range(40):  # cut, or with some bytes changed: a sentence, and the tree
        damaged = bytearray(text[:rng.randrange(len(text))] if number % 2 else text)
        for _ in range(rng.randrange(8)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with open(os.path.join(there, "trace.hst.names"), "wb") as file:
            file.write(damaged)
        out = subprocess.run([heapstrata.path, "tree", "--sysroot", "/nowhere", copied], text=True,
                             capture_output=True, cwd=folder, errors="replace")
        if out.returncode != 0 or not out.stdout.startswith("Inclusive"):
            results.check("damaged side file %d" % number, False, out.stderr)
            break
    else:
        results.check("40 damaged side files", True)
    os.remove(os.path.join(folder, "trace.hst.names"))
    os.rename(program + ".away", program)


def check_other_build(heapstrata, folder, program, trace):
    rows = heapstrata.rows("--no-symbols", "--leaks", "--bottom-up", trace)
    results.check("--no-symbols: module and offset", "+0x" in rows[0]["label"], rows[0])
    wanted = heapstrata.modules(trace)["program"]["build_id"]
    os.rename(program, program + ".kept")
    compile_subject(folder, "program", "-O1")
    rows = heapstrata.rows("--leaks", "--bottom-up", trace)
    modules = heapstrata.modules(trace)
    results.check("another build of the program: no names of it",
                  rows[0]["label"].startswith("program+0x"), rows[0])
    results.check("and both ids are told",
                  modules["program"]["symbols"] == "mismatch" and
                  modules["program"]["build_id"] == wanted and
                  modules["program"]["found_build_id"] not in ("", wanted), modules["program"])
    os.remove(program)
    results.check("the program is gone",
                  heapstrata.modules(trace)["program"]["symbols"] == "no-file")
    root = os.path.join(folder, "root")
    os.makedirs(root + folder)
    shutil.copy(program + ".kept", root + program)
    rows = heapstrata.rows("--sysroot", root, "--leaks", "--bottom-up", trace)
    results.check("--sysroot: it is found there", KEEP in [r["label"] for r in rows], rows[0])


def first_address(path):
    """What an offset into a mapped file counts from."""
    headers = oracle.run("readelf", "-lW", path)
    return min(int(a, 16) for a in re.findall(r"^  LOAD +\w+ (\w+)", headers, re.M)) & ~0xfff


def functions_of(heapstrata, trace, name, *options):
    """The rows of one module, by what they are called."""
    functions = json.loads(heapstrata("tree", "--functions", "--limit", "0", "--json",
                                      "--show-allocator-frames", *options, trace))["functions"]
    return {row["label"] for row in functions
            if row["module"] == name or row["label"].startswith(name + "+0x")}


def check_recording(heapstrata, label, command):
    """Every frame of the program: its names and lines as the others say, in the tree, too."""
    trace, path = label + ".hst", os.path.realpath(command[0])
    heapstrata("record", "-o", trace, "--", *command)
    first, name = first_address(path), os.path.basename(path)
    # a frame is where its call returns to: the call is before it
    addresses = sorted(int(place.rsplit("+", 1)[1], 16) + first - 1
                       for place in functions_of(heapstrata, trace, name, "--no-symbols"))
    mine, _ = oracle.ours(heapstrata.path, path, addresses)
    theirs = oracle.llvm(path, addresses)
    reason = oracle.why_no_elfutils(path, label) if label in ("c++", "rust") else ""
    if reason:
        results.skip("recorded %s, eu-addr2line" % label, reason)
    elif all(frames[0][0] in ("", "??") for frames in theirs.values() if frames):
        also = oracle.elfutils(path, addresses)
        results.check("recorded %s: %d addresses, none has a name, nor for eu-addr2line" % (
            label, len(addresses)), addresses and not any(mine.values()) and
            all(frames[0][0] == "??" for frames in also.values()), list(mine.items())[:2])
        return
    else:
        oracle.compare_elfutils("recorded " + label, mine, oracle.elfutils(path, addresses),
                                oracle.alias_table(path))
    oracle.compare("recorded %s, llvm-symbolizer" % label, mine, theirs, oracle.alias_table(path),
                   False)
    named = {f["function"] for frames in mine.values() for f in frames if f["function"]}
    shown = {label for label in functions_of(heapstrata, trace, name)
             if not label.startswith(name + "+0x")}
    results.check("recorded %s: the tree has these %d functions" % (label, len(named)),
                  named and named == shown, sorted(named ^ shown)[:5])


class DebugServer(http.server.BaseHTTPRequestHandler):
    content = {}

    def do_GET(self):
        body = self.content.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def check_stripped(heapstrata, folder, program):
    """As distributions have git: the program stripped, its names and lines in a debug file."""
    path, debug = os.path.join(folder, "bare"), os.path.join(folder, "bare.debug")
    oracle.run("objcopy", "--only-keep-debug", program, debug)
    oracle.run("strip", "-o", path, program)
    oracle.run("objcopy", "--add-gnu-debuglink=" + debug, path)
    heapstrata("record", "-o", "bare.hst", "--", path)
    wanted = functions_of(heapstrata, "c++.hst", os.path.basename(program))
    results.check("recorded stripped: .gnu_debuglink has all %d names" % len(wanted),
                  wanted and functions_of(heapstrata, "bare.hst", "bare") == wanted)
    build_id = re.search(r"Build ID: (\w+)", oracle.run("readelf", "-n", path))[1]
    with open(debug, "rb") as file:
        DebugServer.content["/buildid/%s/debuginfo" % build_id] = file.read()
    os.remove(debug)
    bare = functions_of(heapstrata, "bare.hst", "bare")
    results.check("recorded stripped: without the debug file module and offset",
                  bare and all(label.startswith("bare+0x") for label in bare), bare)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), DebugServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["DEBUGINFOD_URLS"] = "http://127.0.0.1:%d" % server.server_address[1]
    os.environ["DEBUGINFOD_CACHE_PATH"] = os.path.join(folder, "debuginfod")
    results.check("recorded stripped: debuginfod has them all",
                  functions_of(heapstrata, "bare.hst", "bare") == wanted)
    server.shutdown()
    server.server_close()
    del os.environ["DEBUGINFOD_URLS"], os.environ["DEBUGINFOD_CACHE_PATH"]


def check_recordings(heapstrata, folder):
    if not shutil.which("llvm-symbolizer") or not shutil.which("eu-addr2line"):
        results.skip("recordings", "llvm or elfutils is not installed")
        return
    programs = {"python3": ["/usr/bin/python3", "-c", "import json"],
                "git": ["/usr/bin/git", "--version"],  # Debian's exports next to nothing
                "c++": [compile_subject(folder, "cpp", "-O2")]}
    if shutil.which("rustc"):
        programs["rust"] = [os.path.join(folder, "rusty")]
        subprocess.run(["rustc", "-O", "-g", "-o", programs["rust"][0],
                        os.path.join(HERE, "subject.rs")], check=True, cwd=folder)
    else:
        results.skip("rust", "rustc is not installed")
    for label, command in programs.items():
        if os.path.exists(command[0]):
            check_recording(heapstrata, label, command)
        else:
            results.skip(label, "not there")
    check_stripped(heapstrata, folder, programs["c++"][0])


def main():
    if not shutil.which("g++"):
        print("1..0 # SKIP g++ is not installed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("DEBUGINFOD_URLS", None)
        heapstrata = Program(os.path.abspath(sys.argv[1]), folder)
        program = compile_subject(folder, "program", "-O2")
        heapstrata("record", "-o", "trace.hst", "--", program)
        check_recordings(heapstrata, folder)
        check_names(heapstrata, "trace.hst")
        check_lines(heapstrata, "trace.hst")
        check_etl(heapstrata, "trace.hst")
        check_modules(heapstrata, "trace.hst")
        check_side_file(heapstrata, folder, program, "trace.hst")
        check_other_build(heapstrata, folder, program, "trace.hst")
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
