#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of symbols: a Windows trace whose PDBs are missing, of another build, found at a second
look, or fetched from a server on loopback that takes its time; the window answers meanwhile."""

import http.server
import os
import re
import shutil
import sys
import tempfile
import threading
import time

from desktop import (Atspi, Failure, Viewer, Walk, children, cli, equal, press, table_rows,
                     type_text, wait_for)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "symbols"))
from windows_tools import Image, build, write_trace  # noqa: E402

BUILD = sys.argv[1]
ROLE = Atspi.Role
NAME, STATE, HIDES, UNNAMED, DETAIL = range(5)


class SlowServer(http.server.BaseHTTPRequestHandler):
    content = {}
    asked = []
    goes_on = threading.Event()

    def do_GET(self):
        SlowServer.asked.append(self.path)
        content = SlowServer.content.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content[:2000])
            self.wfile.flush()
            while not SlowServer.goes_on.wait(0.1):
                self.wfile.write(b"")
            self.wfile.write(content[2000:])
        except OSError:
            pass

    def log_message(self, *_):
        pass


def cell_text(cell):
    """Of its parts where it has an icon beside its text."""
    return cell.get_name() or " ".join(filter(None, (part.get_name() for part in children(cell))))


def rows_of(viewer):
    table = viewer.find(ROLE.TABLE, "^Symbols$").get_table_iface()
    rows = [[cell_text(table.get_accessible_at(row, column)) for column in range(5)]
            for row in range(table.get_n_rows())]
    return {row[NAME]: row for row in rows}


def wait_for_state(viewer, name, state):
    def told():
        row = rows_of(viewer).get(name)
        return row if row is not None and re.search(state, row[STATE]) else None
    return wait_for("%s to be %s" % (name, state), told)


def first_function(viewer):
    press("Alt+1")
    table = viewer.find(ROLE.TREE_TABLE, "top-down")
    return lambda: (table_rows(table, 1) or [[""]])[0][0]


def walk_folders(steps, folder, image, trace):
    places = os.path.join(folder, "places")
    os.mkdir(places)
    viewer = Viewer(BUILD, trace, _NT_SYMBOL_PATH=places)

    def missing():
        press("Alt+5")
        row = wait_for_state(viewer, image.name, "^no file$")
        frames = len(image.addresses)
        equal("frames without name", row[UNNAMED], "%d of %d" % (frames, frames))
        viewer.text(r"^0 of 1 modules have names; %s hides 100.0 %%$" % re.escape(image.name))
        table = viewer.find(ROLE.TABLE, "^Symbols$").get_table_iface()
        header = table.get_column_header(UNNAMED).get_component_iface()
        width = header.get_extents(Atspi.CoordType.SCREEN).width
        if width < 120:
            raise Failure("the column of frames without name is %d wide" % width)

    def other_build():
        with open(image.pdb, "rb") as file:
            content = bytearray(file.read())
        at = content.index(image.guid.bytes_le)
        content[at] ^= 1
        with open(os.path.join(places, image.pdb_name), "wb") as file:
            file.write(content)
        viewer.click(ROLE.PUSH_BUTTON, "^Look Again$")
        row = wait_for_state(viewer, image.name, "^other build$")
        if image.guid.bytes_le.hex()[:16] not in row[DETAIL] or \
                bytes(content[at:at + 8]).hex() not in row[DETAIL]:
            raise Failure("both ids are not in %r" % row[DETAIL])

    def found():
        shutil.copy(image.pdb, places)
        viewer.click(ROLE.PUSH_BUTTON, "^Look Again$")
        row = wait_for_state(viewer, image.name, "^functions and lines$")
        equal("what it hides", (row[HIDES], row[UNNAMED]), ("", "0 of %d" % len(image.addresses)))
        viewer.text("^1 of 1 modules have names; nothing is hidden$")

    def names():
        said = cli(BUILD, "tree", "--symbol-path", places, trace)["rows"][0]["label"]
        shown = first_function(viewer)
        wait_for("the name " + said, lambda: said in shown())

    steps.step("without a PDB: no file, and what that hides", missing)
    steps.step("a PDB of another build: both ids", other_build)
    steps.step("a second look finds the PDB", found)
    steps.step("the tree has the names that the command line says", names)
    steps.step("no complaints (folders)", viewer.close)
    viewer.kill()


def walk_places(steps, folder, image, trace):
    """What the user enters behind the button of places."""
    pdbs = os.path.join(folder, "pdbs")
    os.mkdir(pdbs)
    shutil.copy(image.pdb, pdbs)
    for name, mnemonic, separator in (("folders", "Alt+f", ":"), ("a path of PDBs", "Alt+p", ";")):
        viewer = Viewer(BUILD, trace)

        def entered(viewer=viewer, mnemonic=mnemonic, separator=separator):
            press("Alt+5")
            wait_for_state(viewer, image.name, "^no file$")
            viewer.click(ROLE.TOGGLE_BUTTON, "^Places…$")
            viewer.text("^(_NT_SYMBOL_PATH|Neither)")
            press(mnemonic)
            press("Control+a")
            type_text("/nowhere" + separator + pdbs)
            press("Return")
            row = wait_for_state(viewer, image.name, "^functions and lines$")
            equal("the file", row[DETAIL], os.path.join(pdbs, image.pdb_name))

        steps.step(name + " that the user enters", entered)
        steps.step("no complaints (%s)" % name, viewer.close)
        viewer.kill()


def walk_server(steps, folder, image):
    """What takes most of the memory is on a slow server, something else on the disk."""
    path = os.path.join(folder, "later.exe")
    folder_of_other = os.path.join(folder, "i686")
    os.mkdir(folder_of_other)
    shutil.copy(build(folder_of_other, "i686-pc-windows-msvc"), path)
    shutil.copy(os.path.join(folder_of_other, "made.pdb"), path[:-3] + "pdb")
    other = Image(path, 0x10000000)
    if len(other.addresses) > len(image.addresses):
        image, other = other, image
    trace = os.path.join(folder, "two.etl")
    write_trace(trace, [image, other])
    on_disk = os.path.join(folder, "on-disk")
    os.mkdir(on_disk)
    shutil.copy(other.pdb, on_disk)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowServer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(image.pdb, "rb") as file:
        SlowServer.content["/" + image.pdb_key()] = file.read()
    path = "%s;srv*%s*http://127.0.0.1:%d" % (on_disk, os.path.join(folder, "cache"),
                                              server.server_address[1])
    viewer = Viewer(BUILD, trace, _NT_SYMBOL_PATH=path)

    def fetching():
        press("Alt+5")
        wait_for_state(viewer, image.name, "^downloading$")
        viewer.text("^Fetching symbols of %s: 2(.0|,000)? .* of " % re.escape(image.name))
        equal("what is on the disk", rows_of(viewer)[other.name][STATE], "functions and lines")
        equal("what is fetched", rows_of(viewer)[image.name][STATE], "downloading")

    def not_waiting():
        press("Alt+1")
        table = viewer.find(ROLE.TREE_TABLE, "top-down")
        began = time.monotonic()

        def both_kinds():
            labels = [row[0] for row in table_rows(table, 40)]
            unnamed = [label for label in labels if "+0x" in label]
            return unnamed and len(unnamed) < len(labels) and \
                all(label.startswith(image.name) for label in unnamed)
        wait_for("rows without names and with", both_kinds)
        press("Alt+5")
        if time.monotonic() - began > 5:
            raise Failure("the tree took %.1f s" % (time.monotonic() - began))

    def cancelled():
        viewer.click(ROLE.PUSH_BUTTON, "^Cancel$")
        row = wait_for_state(viewer, image.name, "^failed$")
        if "cancelled" not in row[DETAIL]:
            raise Failure("it says %r" % row[DETAIL])

    def offline():
        SlowServer.asked.clear()
        viewer.click(ROLE.CHECK_BOX, "^Offline$")
        wait_for_state(viewer, image.name, "^no file$")
        equal("requests", SlowServer.asked, [])

    def online():
        SlowServer.goes_on.set()
        viewer.click(ROLE.CHECK_BOX, "^Offline$")
        wait_for_state(viewer, image.name, "^functions and lines$")

    steps.step("a slow server: progress in bytes, and names of what is on the disk", fetching)
    steps.step("the tree does not wait for it", not_waiting)
    steps.step("cancel goes on without the file", cancelled)
    steps.step("offline: no server is asked", offline)
    steps.step("online again: names", online)
    steps.step("no complaints (server)", viewer.close)
    viewer.kill()
    server.shutdown()


def main():
    tools = [t for t in ("clang", "lld-link", "llvm-symbolizer", "llvm-pdbutil")
             if not shutil.which(t)]
    if tools:
        print("1..0 # SKIP %s not installed" % " ".join(tools))
        return
    steps = Walk()
    with tempfile.TemporaryDirectory() as folder:
        image = Image(build(folder, "x86_64-pc-windows-msvc"), 0x7FF600000000)
        trace = os.path.join(folder, "made.etl")
        write_trace(trace, [image])
        walk_folders(steps, folder, image, trace)
        walk_places(steps, folder, image, trace)
        walk_server(steps, folder, image)
    steps.end()


main()
