# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Windows' symbols share: a small program made with clang and lld-link, what
LLVM's tools say of it, and a symbol server on loopback."""

import collections
import http.server
import json
import os
import re
import struct
import subprocess
import sys
import uuid

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "traces", "etl"), os.path.join(TESTS, "lib")]
import etl_writer as w  # noqa: E402

PID, TID, HEAP = 4242, 77, 0x1F0000

CLANG = ["clang", "-O2", "-fno-exceptions", "-fno-rtti", "-g", "-gcodeview"]
SOURCE = """
namespace ns {
struct S {
    int x;
    __declspec(noinline) int get (int k);
    template <class T> __declspec(noinline) T twice (T t);
    S (int v);
    ~S ();
    int operator+ (int o);
};
}
extern "C" int counter;
int counter;
static inline int small (int a)
{
    counter += a;
    return a * 3 + counter;
}
static inline int middle (int a)
{
    int b = small (a + 1);
    counter ^= b;
    return small (b) + b;
}
int ns::S::get (int k) { return middle (k) + x; }
template <class T> T ns::S::twice (T t) { return (T)(t + t + counter); }
ns::S::S (int v) : x (v) { counter++; }
ns::S::~S () { counter--; }
int ns::S::operator+ (int o) { return x + o; }
extern "C" int entry ()
{
    ns::S s (5);
    int r = 0;
    for (int i = 0; i < counter; i++)
        r += s.get (i) + s.twice (7L) + (s + 4);
    return r;
}
"""


def llvm(path, addresses):
    run = subprocess.run(["llvm-symbolizer", "--obj=" + path, "--relative-address", "--inlines",
                          "--output-style=JSON"], text=True, capture_output=True, check=True,
                         input="\n".join("0x%x" % a for a in addresses) + "\n")
    answers = {}
    for line in run.stdout.splitlines():
        for entry in json.loads(line) if line.startswith("[") else [json.loads(line)]:
            answers[int(entry["Address"], 16)] = [
                (s["FunctionName"], s["FileName"], s["Line"]) for s in entry["Symbol"]]
    return answers


def plain(name):
    """Without parameters and what differs in style only."""
    depth, name = 0, re.sub(r"^\[thunk\]: ", "", name)
    for i, letter in enumerate(name):
        depth += {"<": 1, ">": -1}.get(letter, 0) if "operator" not in name[max(0, i - 10):i] else 0
        if letter == "(" and depth <= 0 and i > 0:
            name = name[:i]
            break
    name = re.sub(r"\b(class|struct|enum|union) ", "", name).replace(" ", "")
    parts = re.split(r"::(?![^<]*>)", name)
    # a template's constructor: llvm repeats the arguments
    parts = [re.sub(r"<.*$", "", p) if i and p.lstrip("~").split("<")[0] ==
             parts[i - 1].split("<")[0] else p for i, p in enumerate(parts)]
    name = "::".join(parts)
    if "::" not in name:  # decorations of C on x86
        name = re.sub(r"^[_@]*", "", name).split("@")[0]
    return re.sub(r"dtor|destructor", "dtor", name)


def functions_of(pdb):
    """(first address, bytes, name) of every function that has private symbols."""
    dump = subprocess.run(["llvm-pdbutil", "dump", "--section-headers", "--symbols", pdb],
                          text=True, capture_output=True, check=True).stdout
    sections = [int(a, 16) for a in re.findall(r"^\s+([0-9A-F]+) virtual address$", dump, re.M)]
    found = re.findall(r"S_[GL]PROC32 \[size = \d+\] `(.*)`\n.*addr = (\d+):(\d+), code size = "
                       r"(\d+)", dump)
    return [(sections[int(section) - 1] + int(offset), int(size), name)
            for name, section, offset, size in found if int(section) <= len(sections)]


def line_starts(pdb):
    dump = subprocess.run(["llvm-pdbutil", "dump", "--section-headers", "-l", pdb],
                          text=True, capture_output=True, check=True).stdout
    sections = [int(a, 16) for a in re.findall(r"^\s+([0-9A-F]+) virtual address$", dump, re.M)]
    starts, section = set(), 0
    for line in dump.splitlines():
        head = re.match(r"\s+(\d{4}):([0-9A-F]{8})-", line)
        if head:
            section = int(head[1])
        elif section and re.match(r"\s+\d+ [0-9A-F]{8}", line):
            starts |= {sections[section - 1] + int(a, 16)
                       for a in re.findall(r"\d+ ([0-9A-F]{8})", line)}
    return starts


def line_tables(pdb):
    """(begin, end, {address: [(file, line)]}) of each piece of code; line 0 where the compiler says
    that there is none."""
    dump = subprocess.run(["llvm-pdbutil", "dump", "--section-headers", "-l", pdb],
                          text=True, capture_output=True, check=True).stdout
    sections = [int(a, 16) for a in re.findall(r"^\s+([0-9A-F]+) virtual address$", dump, re.M)]
    tables, name = {}, ""
    module = lines = base = None
    for text in dump.splitlines():
        head = re.match(r"\s+(\d{4}):([0-9A-F]{8})-([0-9A-F]{8})", text)
        file = re.match(r"\s*(\S.*) \((?:MD5|SHA-?\d+|no checksum)", text)
        if re.match(r"\s*Mod \d+ ", text):
            module = text
        elif head:
            base = sections[int(head[1]) - 1]
            key = module, base + int(head[2], 16), base + int(head[3], 16)
            lines = tables.setdefault(key, {})
        elif file:
            name = file[1]
        elif lines is not None:
            for line, address in re.findall(r"(\d+) ([0-9A-F]{8})", text):
                known = int(line) not in (0xfeefee, 0xf00f00)
                lines.setdefault(base + int(address, 16), []).append(
                    (name, int(line) if known else 0))
    return [(begin, end, lines) for (_, begin, end), lines in tables.items() if lines]


def build(folder, target):
    """A program of its own, small enough to know; the image's path."""
    source = os.path.join(folder, "made.cpp")
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    extra = ["/safeseh:no"] if target.startswith("i686") else []
    subprocess.run([*CLANG, "--target=" + target, "-c", "made.cpp", "-o", "made.obj"], cwd=folder,
                   check=True)
    # x86 decorates C names: _entry; the option takes them undecorated
    subprocess.run(["lld-link", "/debug", "/nodefaultlib", "/entry:entry", "/subsystem:console",
                    "/pdbaltpath:made.pdb", *extra, "made.obj", "/out:made.exe"], cwd=folder,
                   check=True)
    return os.path.join(folder, "made.exe")


class Server(http.server.BaseHTTPRequestHandler):
    files = {}  # path -> bytes, or a number of the answer
    asked = []

    def do_GET(self):
        Server.asked.append(self.path)
        answer = Server.files.get(self.path, 404)
        if isinstance(answer, int):
            self.send_error(answer)
            return
        claimed, content = answer if isinstance(answer, tuple) else (len(answer), answer)
        self.send_response(200)
        self.send_header("Content-Length", str(claimed))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Image:
    """A PE file with its PDB, mapped at `base`."""

    def __init__(self, path, base, pdb=None):
        self.path, self.base, self.pdb = path, base, pdb or path[:-3] + "pdb"
        with open(path, "rb") as file:
            head = file.read(4096)
        at = struct.unpack_from("<I", head, 0x3C)[0]
        self.stamp = struct.unpack_from("<I", head, at + 8)[0]
        self.size = struct.unpack_from("<I", head, at + 24 + 56)[0]
        dump = subprocess.run(["llvm-pdbutil", "dump", "--summary", self.pdb], text=True,
                              capture_output=True, check=True).stdout
        self.guid = uuid.UUID(re.search(r"GUID: \{(.*)\}", dump)[1])
        # the age that counts is that of the DBI stream, which linkers write into the image
        self.age = int(re.search(r"Age: (\d+)", dump)[1])
        with open(path, "rb") as file:
            image = file.read()
        rsds = image.index(b"RSDS" + self.guid.bytes_le)
        self.age = struct.unpack_from("<I", image, rsds + 20)[0]
        self.name = os.path.basename(path)
        self.pdb_name = os.path.basename(self.pdb)
        functions = functions_of(self.pdb)
        inside = [(b, b + n) for b, n, _ in functions]
        self.addresses = sorted(
            {a for a in line_starts(self.pdb) if any(b <= a < e for b, e in inside)} |
            {b for b, n, _ in functions if n})
        self.says = llvm(path, self.addresses)

    def pdb_key(self):
        return "%s/%s%X/%s" % (self.pdb_name, self.guid.hex.upper(), self.age, self.pdb_name)

    def image_key(self):
        return "%s/%08X%x/%s" % (self.name, self.stamp, self.size, self.name)

    def windows_path(self):
        return "\\Device\\HarddiskVolume3\\Program Files\\" + self.name


def write_trace(path, images, with_pdb=True):
    """A block of 1, 2, 3 … KiB for each address, allocated by a call just there."""
    records = [w.system(w.PROCESS, 3, w.T0 + 1, w.process(PID, images[0].name), version=4)]
    for image in images:
        records.append(w.system(w.IMAGE, 3, w.T0 + 2, w.image(image.base, image.size, PID,
                                                              image.windows_path())))
    time, sizes = w.T0 + 100, collections.Counter()
    for image in images:
        for i, address in enumerate(image.addresses):
            n = 1024 * (i + 1)
            time += 10
            records += [
                w.system(w.HEAP, 0x21, time, w.alloc(HEAP, 0x10000000 + time * 64, n), pid=PID,
                         tid=TID),
                # return addresses: one behind the call's first byte is enough
                w.perfinfo(w.STACK, 32, time + 1,
                           w.stack(time, PID, TID, image.base + address + 1))]
            sizes[image.name] += n
    for image in images:  # as the trace merger appends them
        records.append(w.full(w.IMAGE_ID_GUID, 0, time + 20, w.pointers(8, image.base, image.size) +
                              struct.pack("<II", PID, image.stamp) + w.wide(image.name)))
        if with_pdb:
            records.append(w.full(w.IMAGE_ID_GUID, 36, time + 20, w.pointers(8, image.base) +
                                  struct.pack("<I", PID) + image.guid.bytes_le +
                                  struct.pack("<I", image.age) +
                                  ("C:\\build\\" + image.pdb_name).encode() + b"\0"))
    with open(path, "wb") as file:
        file.write(w.filled(records, n=0x4000))
    return sizes
