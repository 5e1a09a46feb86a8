#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`heapstrata addr2line` on the symbols of Windows against llvm-symbolizer 14: on PDBs made here
with clang and lld-link, and on the pairs of ../shared/data/pdb where they are. Then the ways to a
PDB: beside the image, _NT_SYMBOL_PATH with folders, a store, a cache, and a server on loopback that
may be slow, broken or lying.

Lines inside inlined functions are compared where a range begins: there llvm-symbolizer 14 is right;
inside a range it says the next range's line. Names are compared without parameters, blanks and
"class "; addresses lie in functions, not in the padding between."""

import collections
import glob
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

import pdb_file
from windows_tools import CLANG, Server, build, functions_of, line_starts, line_tables, llvm, plain
from tap import Results

PROGRAM = sys.argv[1]
SHARED = os.environ.get("HEAPSTRATA_SHARED") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")
results = Results()
check, skip = results.check, results.skip


def ours(path, addresses, symbol_path="", home=None):
    environment = dict(os.environ, _NT_SYMBOL_PATH=symbol_path)
    if home:
        environment["XDG_CACHE_HOME"] = home
    run = subprocess.run([PROGRAM, "addr2line", "--json", path], text=True, capture_output=True,
                         input="\n".join("%x" % a for a in addresses), env=environment, check=False)
    answers = json.loads(run.stdout)["addresses"] if run.stdout else []
    return {int(a["address"], 16): [(f["function"], f["file"], f["line"]) for f in a["frames"]]
            for a in answers}, run


def compare(label, image, pdb):
    rng = random.Random(1)
    functions = functions_of(pdb)
    addresses = {begin + rng.randrange(size) for begin, size, _ in functions if size
                 for _ in range(40)}
    starts = line_starts(pdb) | {begin for begin, _, _ in functions}
    addresses = sorted(addresses | starts)
    here, run = ours(pdb, addresses)
    there = llvm(image, addresses)
    wrong = []
    for address in addresses:
        a, b = here.get(address, []), there[address]
        if not a or plain(a[-1][0]) != plain(b[-1][0]) or (
                b[-1][2] not in (0xfeefee, 0xf00f00) and (a[-1][1:]) != b[-1][1:]):
            wrong.append((hex(address), a[-1:], b[-1:]))
        elif address in starts and len(b) > 1 and [plain(f[0]) for f in a] != \
                [plain(f[0]) for f in b]:
            wrong.append((hex(address), a, b))
    check("%s: %d addresses of %d functions" % (label, len(addresses), len(functions)),
          functions and not wrong, (len(wrong), wrong[:3], run.stderr))


def places(folder, image):
    pdb = image[:-3] + "pdb"
    guid = subprocess.run(["llvm-pdbutil", "dump", "--summary", pdb], text=True,
                          capture_output=True, check=True).stdout
    key = re.search(r"GUID: \{(.*)\}", guid)[1].replace("-", "") + "1"
    begin = functions_of(pdb)[0][0]
    alone = os.path.join(folder, "alone")
    os.mkdir(alone)
    lonely = shutil.copy(image, alone)
    relative = "made.pdb/%s/made.pdb" % key

    def named(label, symbol_path, wanted=True, home=None):
        answer, run = ours(lonely, [begin], symbol_path, home or folder)
        is_named = bool(answer.get(begin)) and answer[begin][-1][2] > 0
        check(label, is_named == wanted, (answer, run.stderr))
        return run

    named("an image alone has no lines", "", False)
    named("a folder of _NT_SYMBOL_PATH", "/nowhere;" + folder)
    store = os.path.join(folder, "store")
    os.makedirs(os.path.join(store, "made.pdb", key))
    shutil.copy(pdb, os.path.join(store, relative))
    named("a store", "srv*" + store)
    named("a store is no folder", "cache*" + folder, False)
    with open(pdb, "rb") as file:
        good = file.read()
    bad_id = bytearray(good)
    guid = bytes.fromhex(key[6:8] + key[4:6] + key[2:4] + key[0:2] + key[10:12] + key[8:10] +
                         key[14:16] + key[12:14] + key[16:32])
    bad_id[good.index(guid)] ^= 1
    other = os.path.join(folder, "other")
    os.mkdir(other)
    with open(os.path.join(other, "made.pdb"), "wb") as file:
        file.write(bad_id)
    named("a PDB of another build is not used", other, False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/s" % server.server_address[1]
    Server.files = {"/s/" + relative: good}
    cache = os.path.join(folder, "cache")
    named("a server, into a cache", "srv*%s*%s" % (cache, url))
    check("the cache holds the file whole", os.path.isfile(os.path.join(cache, relative)) and
          os.path.getsize(os.path.join(cache, relative)) == len(good))
    Server.asked.clear()
    named("from the cache the second time", "srv*%s*%s" % (cache, url))
    check("the server was not asked again", not Server.asked, Server.asked)
    home = os.path.join(folder, "home")
    named("the user's own cache", "srv*" + url, home=home)
    check("it is below XDG_CACHE_HOME", glob.glob(home + "/heapstrata/symbols/made.pdb/*/made.pdb"))
    for label, answer in (("has nothing", 404), ("fails", 500), ("lies about the build",
                          bytes(bad_id)), ("sends half", (len(good), good[:9000])),
                          ("sends rubbish", b"<html>" * 100)):
        Server.files = {"/s/" + relative: answer}
        empty = tempfile.mkdtemp(dir=folder)
        named("a server that " + label, "srv*%s*%s" % (empty, url), False)
        check("leaves no half file (%s)" % label,
              not [f for f in glob.glob(empty + "/**/*", recursive=True) if ".pdb." in f])
    Server.files = {"/s/" + relative: (1 << 40, good)}
    run = named("a server that has too much", "srv*%s*%s" % (tempfile.mkdtemp(dir=folder), url),
                False)
    check("the limit is told", "over the limit of downloads" in run.stderr, run.stderr)
    Server.asked.clear()
    named("no server is asked that nobody named", "srv*", False)
    check("nothing was asked", not Server.asked)
    server.shutdown()


FOLDED = """
#include "folded.h"
namespace pool_@ {
template <class T> __declspec(noinline) T same (T v) { counter++; return v + 1; }
struct First { virtual ~First () { counter++; } virtual int one (int x) { return x + counter; } };
struct Second { virtual ~Second () { counter--; } virtual int two (int x) { return x * counter; } };
struct Both : First, Second {
    int z;
    Both (int a) : z (a) {}
    ~Both () override { counter += z * 1@; }
    int two (int x) override { return x - z; }
};
}
using namespace pool_@;
__declspec(noinline) int plain_@ (int x) { return x + 1234; }
__declspec(noinline) int other_@ (int y)
{
    return y
           + 1234;
}
__declspec(noinline) int mixed_@ (int x)
{
#line 70001 "grammar_@.y"
    int r = x * counter + 1@;
    if (r > 9)
        r = helper (r, x);
#line 600 "folded_@.cpp"
    counter += r;
#include "folded_body.h"
    return r;
}
extern "C" int run_@ (int x)
{
    Both *both = new Both (x);
    int r = both->one (x) + same<unsigned> (x) + same<int> (x) + (int)same<long> (x);
    Second *second = both;
    __asm__ volatile ("" : "+r" (second)); // nobody knows what it is
    r += second->two (x) + plain_@ (x) + other_@ (x) + mixed_@ (x);
    delete second;
    return r * 1@;
}
"""
FOLDED_HEADER = """
extern "C" int counter;
typedef decltype (sizeof 0) size_t;
void *operator new (size_t n);
void operator delete (void *p, size_t n) noexcept;
static inline int helper (int a, int b)
{
    counter += a;
    return a * b
           + counter;
}
"""
FOLDED_MAIN = """
#include "folded.h"
int counter;
static char heap[4096];
void *operator new (size_t n) { return heap + (counter += (int)n); }
void operator delete (void *, size_t) noexcept {}
void operator delete (void *) noexcept {}
extern "C" int _purecall () { return 0; }
%s
extern "C" int entry () { return %s; }
"""
N_FOLDED = 6


def build_folded(folder, target):
    """Several modules; functions that the linker folds into one, thunks, and functions with lines
    of several files."""
    runs = ["run_%d" % i for i in range(N_FOLDED)]
    texts = {"folded_%d.cpp" % i: FOLDED.replace("@", str(i)) for i in range(N_FOLDED)}
    texts["main.cpp"] = FOLDED_MAIN % (
        "\n".join("extern \"C\" int %s (int);" % run for run in runs),
        " + ".join("%s (counter)" % run for run in runs))
    headers = {"folded.h": FOLDED_HEADER, "folded_body.h": "r += counter;\nr ^= x;\n"}
    for name, text in [*texts.items(), *headers.items()]:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    subprocess.run([*CLANG, "-std=c++17", "-ffunction-sections", "--target=" + target, "-c",
                    *texts], cwd=folder, check=True)
    subprocess.run(["lld-link", "/debug", "/nodefaultlib", "/entry:entry", "/subsystem:console",
                    "/opt:icf", "/pdbaltpath:folded.pdb", "/out:folded.exe",
                    *(["/safeseh:no"] if target.startswith("i686") else []),
                    *(s[:-3] + "o" for s in texts)], cwd=folder, check=True)
    return os.path.join(folder, "folded.pdb")


def as_told(name):
    """clang tells modules that a destructor that frees, too, is one."""
    return re.sub(r"(\w+)::`\w+deletingdtor'$", r"\1::~\1", plain(name))


def check_folded(label, pdb):
    """Against llvm-pdbutil: llvm-symbolizer takes lines of several files for several functions. Of
    functions in one place any name will do, if its line fits."""
    functions, tables, wanted = functions_of(pdb), line_tables(pdb), {}
    n_at = collections.Counter(begin for begin, _, _ in functions)
    for begin, size, name in functions:
        for address in range(begin, begin + size):
            names = wanted.setdefault(address, set())
            for lines in [t[2] for t in tables if t[0] <= address < t[1]]:
                at = max((a for a in lines if a <= address), default=min(lines))
                places = lines[at][:1] if at == address else lines[at][-1:]
                if n_at[begin] > 1:  # tables of one module are not told apart
                    places = sum((some for a, some in lines.items() if a <= address), [])
                names.update((plain(name), *place) for place in places)
    answers, run = ours(pdb, sorted(wanted))
    wrong = [(hex(a), answers[a][-1:], sorted(w)) for a, w in wanted.items()
             if w and not (answers[a] and (as_told(answers[a][-1][0]), *answers[a][-1][1:]) in w)]
    n_folded = len(functions) - len({begin for begin, _, _ in functions})
    files = {os.path.basename(frames[-1][1]) for frames in answers.values() if frames}
    check("%s: %d functions, %d folded, %d addresses" % (label, len(functions), n_folded,
                                                         len(wanted)),
          n_folded > 10 and {"grammar_3.y", "folded_3.cpp", "folded_body.h"} <= files and
          not wrong, (len(wrong), wrong[:3], files, run.stderr))
    lines = {"plain": (15, 15), "other": (16, 20)}
    torn = [(hex(a), f[-1]) for a, f in answers.items() if f and f[-1][0][:5] in lines and
            not lines[f[-1][0][:5]][0] <= f[-1][2] <= lines[f[-1][0][:5]][1]]
    check("%s: name and line are those of one function" % label, not torn, torn[:3])
    check_publics(label, pdb)


def check_publics(label, pdb):
    """Thunks and destructors that free have their names from the linker: as llvm-undname says."""
    dump = subprocess.run(["llvm-pdbutil", "dump", "--section-headers", "--publics", pdb],
                          text=True, capture_output=True, check=True).stdout
    sections = [int(a, 16) for a in re.findall(r"^\s+([0-9A-F]+) virtual address$", dump, re.M)]
    names = collections.defaultdict(set)
    found = re.findall(r"`(\?.*)`\n\s+flags = function, addr = (\d+):(\d+)", dump)
    undname = subprocess.run(["llvm-undname", "--no-return-type", "--no-calling-convention",
                              "--no-access-specifier", "--no-member-type"], text=True, check=True,
                             input="\n".join(name for name, _, _ in found), capture_output=True)
    undecorated = [lines.split("\n")[1] for lines in undname.stdout.strip().split("\n\n")]
    for (_, section, offset), name in zip(found, undecorated):
        name = re.sub(r"^(\[thunk\]: )?((virtual|static) )?", "", name)
        names[sections[int(section) - 1] + int(offset)].add(plain(name))
    answers, _ = ours(pdb, sorted(names))
    wrong = [(hex(a), answers[a], some) for a, some in names.items()
             if len(some) == 1 and (not answers[a] or plain(answers[a][-1][0]) not in some)]
    some = " ".join(set.union(*names.values()))
    check("%s: the names of %d public symbols" % (label, len(found)), "adjustor{" in some and
          "deletingdtor" in some and not wrong, (wrong[:3], some))


def put_together(folder, image):
    """What other linkers do: blocks of other sizes, in any order; ids of other modules."""
    pdb, there = image[:-3] + "pdb", os.path.join(folder, "again.pdb")
    addresses = [a for begin, size, _ in functions_of(pdb) for a in range(begin, begin + size)]
    wanted, _ = ours(pdb, addresses)
    n_inlined = sum(len(frames) > 1 for frames in wanted.values())
    for size in (512, 1024, 2048, 8192, 32768, 65536):
        pdb_file.write_streams(there, pdb_file.read_streams(pdb), size)
        check("blocks of %d bytes" % size, ours(there, addresses)[0] == wanted)

    streams = pdb_file.read_streams(pdb)
    modules = {os.path.basename(m.name): m for m in pdb_file.modules(streams[pdb_file.DBI])}
    names = subprocess.run(["llvm-pdbutil", "dump", "--streams", pdb], text=True, check=True,
                           capture_output=True).stdout
    names = int(re.search(r"Stream +(\d+) .*Named Stream \"/names\"", names)[1])
    name = pdb_file.add_name(streams, names, "* LINKER *")  # as they are: in another case
    n = pdb_file.import_inlinees(streams, modules["made.obj"], modules["* Linker *"], name)
    pdb_file.write_streams(there, streams, 4096)
    shown = subprocess.run(["llvm-pdbutil", "dump", "--xmi", "--xme", there], text=True, check=True,
                           capture_output=True).stdout
    check("%d inlined functions of another module; llvm-pdbutil has the first list, and theirs" % n,
          n > 1 and " | 0x80007777\n" in shown and "\n0x80001007 | 0x" in shown, shown)
    check("their names at %d addresses" % n_inlined,
          n_inlined > 10 and ours(there, addresses)[0] == wanted)


def damage(folder, image):
    """Bytes turned round all over: an answer, a state, never the end of the program."""
    pdb = image[:-3] + "pdb"
    with open(pdb, "rb") as file:
        good = bytearray(file.read())
    rng = random.Random(2)
    addresses = [begin for begin, _, _ in functions_of(pdb)]
    broken = os.path.join(folder, "broken.pdb")
    codes = set()
    for _ in range(40):
        bad = bytearray(good)
        for _ in range(30):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        with open(broken, "wb") as file:
            file.write(bad[:rng.randrange(len(bad))] if rng.random() < 0.3 else bad)
        codes.add(ours(broken, addresses)[1].returncode)
    check("40 damaged files end with an answer or a sentence", codes <= {0, 1}, codes)


def main():
    tools = [t for t in ("clang", "lld-link", "llvm-symbolizer", "llvm-pdbutil", "llvm-undname")
             if not shutil.which(t)]
    if tools:
        skip("PDB files", " ".join(tools) + " not installed")
    else:
        with tempfile.TemporaryDirectory() as folder:
            x86 = os.path.join(folder, "x86")
            os.mkdir(x86)
            image = build(folder, "x86_64-pc-windows-msvc")
            compare("clang, x64", image, image[:-3] + "pdb")
            image32 = build(x86, "i686-pc-windows-msvc")
            compare("clang, x86", image32, image32[:-3] + "pdb")
            check_folded("folded, x64", build_folded(folder, "x86_64-pc-windows-msvc"))
            check_folded("folded, x86", build_folded(x86, "i686-pc-windows-msvc"))
            put_together(folder, image)
            places(folder, image)
            damage(folder, image)
        pairs = sorted(glob.glob(os.path.join(SHARED, "data", "pdb", "*.pdb")))
        if not pairs:
            skip("pairs of ../shared/data/pdb", "the folder is not there")
        for pdb in pairs:
            compare(os.path.basename(pdb), pdb[:-3] + "exe", pdb)
    sys.exit(results.end())


main()
