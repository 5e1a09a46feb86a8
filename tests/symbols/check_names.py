#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, lines and inlined functions of `heapstrata addr2line` against those of llvm-symbolizer
(for thousands of addresses) and of eu-addr2line, on programs compiled here: C, C++ and Rust;
position independent or not; with DWARF 4 and 5, compressed, by gcc and clang; stripped, with the
rest in a debug link, in a build-id folder, in .gnu_debugdata, or nowhere."""

import concurrent.futures
import functools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
N_ADDRESSES = 2000
N_TO_ELFUTILS = 5  # which takes some milliseconds for an address: it gets each fifth
SEED = 20250

results = Results()


def run(*args, text=None):
    return subprocess.run(args, input=text, text=True, check=True, capture_output=True).stdout


def text_addresses(path):
    """Random addresses of the sections with code."""
    rng = random.Random(SEED)
    addresses = []
    for line in run("readelf", "-SW", path).splitlines():
        match = re.match(r"\s*\[\s*\d+\]\s+(\.text)\s+PROGBITS\s+(\w+)\s+\w+\s+(\w+)", line)
        if match:
            begin, size = int(match[2], 16), int(match[3], 16)
            addresses += [begin + rng.randrange(size) for _ in range(N_ADDRESSES)]
    return sorted(set(addresses))


def ours(program, path, addresses, *options):
    out = subprocess.run([program, "addr2line", "--json", *options, path], text=True,
                         input="\n".join("%x" % a for a in addresses), capture_output=True)
    return {int(a["address"], 16): a["frames"] for a in json.loads(out.stdout)["addresses"]}, out


def llvm(path, addresses):
    out = run("llvm-symbolizer", "--obj=" + path, "--output-style=JSON", "--inlines",
              "--no-demangle", text="\n".join("0x%x" % a for a in addresses) + "\n")
    answers = {}
    for line in out.splitlines():
        for entry in json.loads(line) if line.startswith("[") else [json.loads(line)]:
            answers[int(entry["Address"], 16)] = [
                (s["FunctionName"], s["FileName"], s["Line"]) for s in entry["Symbol"]]
    return answers


def elfutils(path, addresses):
    """A line with the function and one with the place, per frame. It fails when it does not know
    one of the addresses, and answers for all."""
    out = subprocess.run(["eu-addr2line", "-a", "-f", "-i", "-e", path], text=True, check=False,
                         input="\n".join("0x%x" % a for a in addresses) + "\n",
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    answers, frames = {}, None
    lines = iter(out.splitlines())
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            frames = answers.setdefault(int(line, 16), [])
            continue
        where = next(lines)
        match = re.match(r"(.*?):(\d+)(?::\d+)?(?: \(.*\))?$", where)
        name = re.sub(r" inlined at .*", "", line)
        frames.append((name, match[1] if match else "", int(match[2]) if match else 0))
    return answers


def demangled(answers):
    """All names through c++filt at once: what is compared is who is called, not who spells it."""
    names = sorted({f[0] for frames in answers.values() for f in frames})
    plain_names = run("c++filt", text="\n".join(names) + "\n").split("\n")
    table = dict(zip(names, plain_names))
    return {a: [(table[f[0]], *f[1:]) for f in frames] for a, frames in answers.items()}


@functools.lru_cache(maxsize=None)
def plain(name):
    """Spellings differ: clones, spaces of templates, abi tags, the hash of Rust, versions, the old
    std::string."""
    name = re.sub(r"@+[\w.]+$", "", name)
    name = re.sub(r"(\.(constprop|isra|part|cold|lto_priv|llvm)(\.\d+)?)+$", "", name)
    name = re.sub(r" ?(\[clone [^]]*\]|\(\.[^()]*\))", "", name)
    name = re.sub(r"::h[0-9a-f]{16}$|\[[0-9a-f]{16}\]", "", name)
    name = re.sub(r"(?<=\d): [iu](size|\d+)", "", name)
    name = re.sub(r"\s+", "", name).replace("(anonymousnamespace)", "{anonymous}")
    return name.replace("basic_string<char,std::char_traits<char>,std::allocator<char>>", "string")


def file_name(path):
    return "" if path in ("??", "") else os.path.basename(path)


def differs(own, frame, aliases):
    """Line 0 (no source) is spelled in several ways, and eu-addr2line gives code without DWARF the
    last line of the unit before it."""
    (name, path, line), (name2, path2, line2) = own, frame
    name, name2 = plain(name), plain(name2)
    if not aliases.get(name, {name}) & aliases.get(name2, {name2}) and \
            not re.search(r"::%s\(" % re.escape(name2), name):  # without its namespace
        return True
    if path == "" or line2 == 0:
        return False
    if path2.startswith("/"):  # eu-addr2line may leave out the folder of the compilation
        return (path, line) != (path2, line2)
    return (file_name(path), line) != (file_name(path2), line2)


def compare(label, mine, theirs, aliases, may_be_shorter):
    """Every frame of every address; where the other one names no function neither must we."""
    wrong, n_frames, n_shorter = [], 0, 0
    for address, frames in demangled(theirs).items():
        own = [(f["function"], f["file"], f["line"]) for f in mine.get(address, [])]
        if not frames or frames[0][0] in ("", "??"):
            if own and own[0][0] != "":
                wrong.append((address, own[0], None))
            continue
        n_frames += len(frames)
        n_shorter += len(frames) < len(own)
        if len(frames) > len(own) or (len(frames) < len(own) and not may_be_shorter):
            wrong.append((address, len(own), len(frames)))
        wrong += [(address, a, b) for a, b in zip(own, frames) if differs(a, b, aliases)][:1]
    for address, own, frame in wrong[:2]:
        print("# %s 0x%x\n#   ours   %.400s\n#   theirs %.400s" % (label, address, own, frame))
    results.check("%s: %d addresses, %d frames" % (label, len(theirs), n_frames),
                  not wrong and n_frames > 0 and n_shorter * 100 <= len(theirs),
                  "%d differ, %d are shorter" % (len(wrong), n_shorter))


def compare_elfutils(label, mine, theirs, aliases):
    """It does not always find the callers of an inlined function, and next to never in Rust's
    DWARF: its one frame is the outer function at the inner place."""
    if label.endswith("rust"):
        label += ", outermost name and innermost line"
        theirs = {a: frames for a, frames in theirs.items() if len(frames) == 1}
        mine = {a: [dict(frames[0], function=frames[-1]["function"])] if frames else []
                for a, frames in mine.items()}
    compare(label + ", eu-addr2line", mine, theirs, aliases, True)


def alias_table(path):
    """Names that stand for one function: any of them will do."""
    by_address, table = {}, {}
    for line in run("nm", "-C", path).splitlines() + run("nm", "-CD", path).splitlines():
        match = re.match(r"([0-9a-f]+) [tTwWiu] (.*)", line)
        if match:
            by_address.setdefault(int(match[1], 16), set()).add(plain(match[2]))
    for names in by_address.values():
        for name in names:
            table.setdefault(name, set()).update(names)
    return table


class Answers:
    """What we and the others say of one file; the tools run at the same time as those of others."""

    def __init__(self, program, path, label):
        self.path, self.label = path, label
        self.addresses = text_addresses(path)
        self.mine, _ = ours(program, path, self.addresses)
        self.aliases = alias_table(path)
        self.llvm = self.elfutils = None
        self.no_elfutils = why_no_elfutils(path, label)
        if shutil.which("llvm-symbolizer"):
            self.llvm = llvm(path, self.addresses)
        if not self.no_elfutils:
            self.elfutils = elfutils(path, self.addresses[::N_TO_ELFUTILS])

    def check(self):
        if self.llvm is not None:
            compare(self.label + ", llvm-symbolizer", self.mine, self.llvm, self.aliases, False)
        else:
            results.skip(self.label + ", llvm-symbolizer", "llvm is not installed")
        if self.elfutils is not None:
            compare_elfutils(self.label, self.mine, self.elfutils, self.aliases)
        else:
            results.skip(self.label + ", eu-addr2line", self.no_elfutils)


def why_no_elfutils(path, label):
    """Why eu-addr2line cannot be the oracle of a file; "" when it can."""
    if not shutil.which("eu-addr2line"):
        return "elfutils is not installed"
    if label.endswith("split"):
        return "it finds no inlined functions in .dwo files"
    if ".debug_aranges" not in run("readelf", "-SW", path):
        return "the compiler wrote no .debug_aranges, by which it finds units"
    return ""


def check_same(program, label, path, addresses, wanted, *options, with_lines=True):
    """A stripped file answers as the whole one did; without lines: the outermost names only."""
    mine, _ = ours(program, path, addresses, *options)
    if with_lines:
        wrong = [a for a in addresses if mine.get(a) != wanted.get(a)]
    else:
        wrong = [a for a in addresses if [plain(f["function"]) for f in wanted[a][-1:]] !=
                 [plain(f["function"]) for f in mine.get(a, [])[-1:]]
                 and wanted[a] and wanted[a][-1]["function"]]
    for address in wrong[:3]:
        print("# %s 0x%x: %s, not %s" % (label, address, mine.get(address), wanted.get(address)))
    results.check("%s: %d addresses" % (label, len(addresses)), not wrong and any(mine.values()),
                  "%d differ" % len(wrong))


def check_stripped(program, folder, path, addresses, wanted):
    """The ways to have the names elsewhere."""
    def copy(name):
        there = os.path.join(folder, name, "program")
        os.makedirs(os.path.dirname(there))
        shutil.copy(path, there)
        return there

    bare = copy("bare")
    run("strip", bare)
    mine, out = ours(program, bare, addresses)
    results.check("stripped: no names, and said so",
                  not any(mine.values()) and out.returncode == 1 and "no symbols" in out.stderr,
                  out.stderr)

    nodebug = copy("nodebug")
    run("strip", "--strip-debug", nodebug)
    check_same(program, "symbols without DWARF", nodebug, addresses, wanted, with_lines=False)

    linked = copy("linked")
    run("objcopy", "--only-keep-debug", linked, linked + ".debug")
    run("strip", linked)
    run("objcopy", "--add-gnu-debuglink=" + linked + ".debug", linked)
    check_same(program, ".gnu_debuglink", linked, addresses, wanted)
    build_id = re.search(r"Build ID: (\w+)", run("readelf", "-n", path))[1]

    by_id = copy("by-id")
    store = os.path.join(folder, "store")
    os.makedirs(os.path.join(store, ".build-id", build_id[:2]))
    run("objcopy", "--only-keep-debug", by_id,
        os.path.join(store, ".build-id", build_id[:2], build_id[2:] + ".debug"))
    run("strip", by_id)
    check_same(program, "build-id folder", by_id, addresses, wanted, "--debug-path", store)

    if shutil.which("xz"):
        mini = copy("mini")
        names = set(re.findall(r"^(\S+) [tTwWi] ", run("nm", "-P", "--defined-only", mini), re.M))
        with open(mini + ".keep", "w", encoding="utf-8") as keep:
            keep.write("\n".join(sorted(names)))
        run("objcopy", "--only-keep-debug", mini, mini + ".debug")
        run("objcopy", "-S", "--remove-section=.comment", "--keep-symbols=" + mini + ".keep",
            mini + ".debug", mini + ".symbols")
        run("strip", mini)
        run("xz", mini + ".symbols")
        run("objcopy", "--add-section=.gnu_debugdata=" + mini + ".symbols.xz", mini)
        os.remove(mini + ".debug")
        check_same(program, ".gnu_debugdata", mini, addresses, wanted, with_lines=False)
    else:
        results.skip(".gnu_debugdata", "xz is not installed")


def compile_and_ask(program, folder, number, variant):
    label, compiler, options, source = variant
    path = os.path.join(folder, "subject%d" % number)
    there = os.path.join(folder, "source%d" % number)  # by relative paths, as most are
    os.mkdir(there)
    shutil.copy(os.path.join(HERE, source), there)
    subprocess.run([compiler, *options, "-o", path, os.path.join("..", os.path.basename(there),
                                                                 source)], check=True, cwd=there)
    return Answers(program, path, label)


def main():
    program = sys.argv[1]
    variants = [
        ("c++", "g++", ["-O2", "-g"], "subject.cc"),
        ("c++ DWARF 4, compressed", "g++", ["-O2", "-gdwarf-4", "-gz", "-no-pie"], "subject.cc"),
        ("c++ clang", "clang++", ["-O2", "-g"], "subject.cc"),
        ("rust", "rustc", ["-O", "-g"], "subject.rs"),
        ("c++ split", "g++", ["-O2", "-g", "-gsplit-dwarf"], "subject.cc"),
        ("c++ -O0", "g++", ["-O0", "-g", "-no-pie"], "subject.cc"),
        ("c -O0 -no-pie", "gcc", ["-O0", "-g", "-no-pie"], "subject.c"),
        ("c", "gcc", ["-O2", "-g"], "subject.c"),
    ]
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = [(v, pool.submit(compile_and_ask, program, folder, number, v)
                  if shutil.which(v[1]) else None) for number, v in enumerate(variants)]
        for (label, compiler, _, _), answers in asked:
            if answers is None:
                results.skip(label, compiler + " is not installed")
                continue
            answers = answers.result()
            answers.check()
            if label == "c++":
                check_stripped(program, folder, answers.path, answers.addresses, answers.mine)
        check_system(program)
    return results.end()


def exported_functions(path):
    """(first address, bytes) of those that have a size."""
    return [(int(m[1], 16), int(m[2])) for m in re.finditer(
        r"^ *\d+: ([0-9a-f]+) +([1-9]\d*) FUNC +(?:GLOBAL|WEAK) +DEFAULT +\d+ ",
        run("readelf", "--dyn-syms", "-W", path), re.M)]


def check_stripped_programs(program):
    """As the distribution has them: exported functions only, where no debug file is installed."""
    cc1 = run("gcc", "-print-prog-name=cc1").strip() if shutil.which("gcc") else "cc1"
    for path in ("/usr/bin/python3", "/usr/bin/git", cc1):
        if not os.path.exists(path) or not shutil.which("llvm-symbolizer"):
            results.skip(path, "it or llvm is not installed")
            continue
        rng = random.Random(SEED)
        functions = exported_functions(path)
        chosen = rng.sample(functions, min(N_ADDRESSES, len(functions)))
        addresses = sorted({begin + rng.randrange(size) for begin, size in chosen})
        if not addresses:
            results.skip(path, "it exports no functions")
            continue
        mine, _ = ours(program, path, addresses)
        compare(path, mine, llvm(path, addresses), alias_table(path), False)


def check_system(program):
    """A real library: with its debug file where one is installed, by its exports otherwise."""
    check_stripped_programs(program)
    path = "/lib/x86_64-linux-gnu/libc.so.6"
    if not os.path.exists(path):
        results.skip("libc", "not there")
        return
    mine, _ = ours(program, path, text_addresses(path))
    named = sum(1 for frames in mine.values() if frames)
    results.check("libc: most addresses have names", named > len(mine) / 3, "%d of %d" % (
        named, len(mine)))


if __name__ == "__main__":
    sys.exit(main())
