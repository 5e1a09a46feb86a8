#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows traces get the names of their PDBs. Traces are written here (tests/traces/etl): a process
with images whose identity is told by ImageID records, and a heap block for each of some addresses
in them. The PDBs are made with clang and lld-link, or are the pairs of ../shared/data/pdb; they lie
in folders, or a symbol server on loopback has them. What functions the bytes belong to is said by
llvm-symbolizer 14 (addresses are beginnings of lines: inside inlined ranges it is wrong)."""

import collections
import glob
import http.server
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

from windows_tools import Image, Server, build, plain, write_trace
from tap import Results

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = sys.argv[1]
SHARED = os.environ.get("HEAPSTRATA_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")

results = Results()
check = results.check


def run(*args, symbol_path="", **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("_NT_SYMBOL_PATH",
                                                               "_NT_SYMCACHE_PATH")}
    if symbol_path:
        clean["_NT_SYMBOL_PATH"] = symbol_path
    out = subprocess.run([PROGRAM, *args], text=True, capture_output=True,
                         env=dict(clean, **environment), check=False)
    if out.returncode != 0:
        check(" ".join(args), False, out.stderr)
    return json.loads(out.stdout) if "--json" in args else out.stdout


def tree(trace, *args, direction=(), **more):
    """(module, function without parameters) -> bytes, of top rows; their places; the inlined."""
    rows = run("tree", "--json", *direction, "--limit", "0", "--metric", "total", *args, trace,
               **more)["rows"]
    found, places, inlined = collections.Counter(), {}, set()
    for row in rows:
        key = row["module"], plain(row["label"])
        if row["depth"] == 1:
            found[key] += row["inclusive"]["total_bytes"]
            places[key] = row["location"]
        if row["inlined"]:
            inlined.add(key)
    return found, places, inlined


def expected(images, which):
    """`which`: -1 the function itself, 0 the innermost that is inlined into it."""
    wanted, places = collections.Counter(), collections.defaultdict(set)
    for image in images:
        for i, address in enumerate(image.addresses):
            function, file, line = image.says[address][which]
            key = image.name, plain(function)
            wanted[key] += 1024 * (i + 1)
            if line and line not in (0xfeefee, 0xf00f00):
                places[key].add("%s:%d" % (re.split(r"[/\\]", file)[-1], line))
    return wanted, places


def compare(label, images, answer, which=-1):
    (found, where, _), (wanted, places) = answer, expected(images, which)
    differences = {k: (found.get(k), wanted.get(k)) for k in set(found) | set(wanted)
                   if found.get(k) != wanted.get(k)}
    check("%s: %d functions of %d addresses" % (label, len(wanted),
                                                sum(len(i.addresses) for i in images)),
          len(wanted) > 3 and not differences, list(differences.items())[:5])
    wrong = {k: (where[k], v) for k, v in places.items() if k in where and where[k] not in v}
    check("%s: source lines of %d functions" % (label, len(places)), places and not wrong,
          list(wrong.items())[:5])


def states(trace, *args, **more):
    return {m["path"].split("\\")[-1]: m
            for m in run("modules", "--json", *args, trace, **more)["modules"]}


def id_of(image):
    return (image.guid.bytes_le + struct.pack("<I", image.age)).hex()


def on_a_server(folder, images, trace):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/s" % server.server_address[1]
    for image in images:
        with open(image.pdb, "rb") as file:
            Server.files["/s/" + image.pdb_key()] = file.read()
        with open(image.path, "rb") as file:
            Server.files["/s/" + image.image_key()] = file.read()
    cache = os.path.join(folder, "cache")
    path = "srv*%s*%s" % (cache, url)

    Server.asked.clear()
    found, *_ = tree(trace, "--offline", symbol_path=path)
    check("offline: no server is asked", not Server.asked, Server.asked)
    check("offline: module and offset",
          found and all(re.search(r"\+0x[0-9a-f]+$", label) for _, label in found), found)
    seen = states(trace, "--offline", symbol_path=path)
    check("offline: no file, and all bytes hidden",
          all(m["symbols"] == "no-file" and m["hidden_bytes"] > 0 for m in seen.values()), seen)

    compare("a symbol server", images, tree(trace, symbol_path=path))
    seen = states(trace, symbol_path=path)
    for image in images:
        module = seen[image.name]
        check("%s: lines, by GUID and age, hiding nothing" % image.name,
              module["symbols"] == "lines" and module["found_build_id"] == id_of(image) and
              module["symbols_detail"].startswith(cache) and module["hidden_bytes"] == 0 and
              module["frames"] == module["named_frames"] == len(image.addresses), module)
        check("%s: identity of the image" % image.name,
              (module["build_id"], module["pdb_age"], module["link_stamp"], module["size"]) ==
              (image.guid.bytes_le.hex(), image.age, image.stamp, image.size), module)
    Server.asked.clear()
    compare("the cache, offline", images, tree(trace, "--offline", symbol_path=path))
    check("the cache: no server was asked", not Server.asked, Server.asked)
    compare("--symbol-path", images, tree(trace, "--symbol-path", path))
    symcache = os.path.join(folder, "symcache")
    compare("_NT_SYMCACHE_PATH", images, tree(trace, "--symbol-path", "srv*" + url,
                                              _NT_SYMCACHE_PATH=symcache))
    check("_NT_SYMCACHE_PATH holds the files",
          all(os.path.isfile(os.path.join(symcache, i.pdb_key())) for i in images))

    untold = os.path.join(folder, "untold.etl")
    write_trace(untold, images, with_pdb=False)
    compare("without DbgID_RSDS: the image on the server, by stamp and size, then its PDB", images,
            tree(untold, symbol_path="srv*%s/other*%s" % (folder, url)))
    server.shutdown()
    server.server_close()
    found, *_ = tree(trace, symbol_path="srv*%s/third*%s" % (folder, url))
    seen = states(trace, symbol_path="srv*%s/third*%s" % (folder, url))
    check("a server that is gone: failed, and why",
          all(m["symbols"] == "failed" and url in m["symbols_detail"] for m in seen.values()), seen)


def in_folders(folder, images, trace):
    places = ";".join(sorted({os.path.dirname(i.pdb) for i in images}))
    alone = os.path.join(folder, "alone.etl")
    write_trace(alone, images[:1])
    answer = tree(alone, "--symbol-path", places, direction=("--bottom-up",))
    compare("innermost functions", images[:1], answer, 0)
    # a function that is also called is no row of an inlined one
    inlined = {(images[0].name, plain(f[0])) for frames in images[0].says.values()
               for f in frames[:-1]} - \
        {(images[0].name, plain(frames[-1][0])) for frames in images[0].says.values()}
    check("inlined functions are marked", inlined and answer[2] == inlined, answer[2] ^ inlined)
    compare("folders", images, tree(trace, "--symbol-path", places))
    compare("--debug-path", images, tree(trace, "--debug-path", places.replace(";", ":")))

    copy = shutil.copy(trace, os.path.join(folder, "away.etl"))
    run("symbolize", "--symbol-path", places, copy)
    compare("a side file, without any PDB", images, tree(copy, "--offline"))

    wrong = os.path.join(folder, "wrong")
    os.mkdir(wrong)
    image = images[0]
    with open(image.pdb, "rb") as file:
        content = bytearray(file.read())
    content[content.index(image.guid.bytes_le)] ^= 1
    with open(os.path.join(wrong, image.pdb_name), "wb") as file:
        file.write(content)
    module = states(trace, "--symbol-path", wrong)[image.name]
    check("another build: mismatch, with its id",
          module["symbols"] == "mismatch" and module["found_build_id"][2:] == id_of(image)[2:] and
          module["found_build_id"] != id_of(image), module)
    packed = os.path.join(folder, "packed", os.path.dirname(image.pdb_key()))
    os.makedirs(packed)
    with open(os.path.join(packed, image.pdb_name[:-1] + "_"), "wb") as file:
        file.write(b"MSCF")
    module = states(trace, "--symbol-path", "srv*" + os.path.join(folder, "packed"))[image.name]
    check("a compressed PDB is refused with a word",
          module["symbols"] == "failed" and "compressed" in module["symbols_detail"], module)


def exports(folder):
    """A library without PDB: its exports, found through a store of images."""
    with open(os.path.join(folder, "dll.c"), "w", encoding="utf-8") as file:
        file.write("int first (int a) { return a * 3; }\n"
                   "int second (int a) { return a / 7 + 1; }\n")
    subprocess.run(["clang", "--target=x86_64-pc-windows-msvc", "-O1", "-g", "-gcodeview", "-c",
                    "dll.c"], cwd=folder, check=True)
    subprocess.run(["lld-link", "/debug", "/dll", "/noentry", "/nodefaultlib", "/export:first",
                    "/export:second", "dll.o", "/out:dll.dll", "/pdbaltpath:dll.pdb"], cwd=folder,
                   check=True)
    image = Image(os.path.join(folder, "dll.dll"), 0x7FF812340000)
    trace = os.path.join(folder, "dll.etl")
    write_trace(trace, [image])
    store = os.path.join(folder, "images")
    os.makedirs(os.path.dirname(os.path.join(store, image.image_key())))
    shutil.copy(image.path, os.path.join(store, image.image_key()))
    found, *_ = tree(trace, "--symbol-path", "srv*" + store)
    check("exports of an image without PDB", found == expected([image], 0)[0], found)
    module = states(trace, "--symbol-path", "srv*" + store)[image.name]
    check("and its state says so", module["symbols"] == "exports" and
          module["symbols_detail"].startswith(store), module)
    root = os.path.join(folder, "root", "Device", "HarddiskVolume3", "Program Files")
    os.makedirs(root)
    shutil.copy(image.path, root)
    found, *_ = tree(trace, "--sysroot", os.path.join(folder, "root"))
    check("exports of the image below the sysroot", found == expected([image], 0)[0], found)


def main():
    tools = [t for t in ("clang", "lld-link", "llvm-symbolizer", "llvm-pdbutil")
             if not shutil.which(t)]
    if tools:
        print("1..0 # SKIP %s not installed" % " ".join(tools))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "x86"))
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "home")
        small = Image(build(folder, "x86_64-pc-windows-msvc"), 0x7FF600000000)
        pairs = [Image(pdb[:-3] + "exe", 0x7FF700000000 + (i << 32))
                 for i, pdb in enumerate(sorted(glob.glob(os.path.join(SHARED, "data", "pdb",
                                                                       "*.pdb"))))]
        images = [small, *pairs]
        trace = os.path.join(folder, "made.etl")
        write_trace(trace, images)
        on_a_server(folder, images, trace)
        in_folders(folder, images, trace)
        small86 = Image(build(os.path.join(folder, "x86"), "i686-pc-windows-msvc"), 0x400000)
        trace86 = os.path.join(folder, "x86.etl")
        write_trace(trace86, [small86])
        compare("x86", [small86], tree(trace86, "--symbol-path", os.path.join(folder, "x86")))
        exports(folder)
    return results.end()


sys.exit(main())
