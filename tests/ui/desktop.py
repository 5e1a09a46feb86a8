# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewer as a screen reader and a keyboard see it: widgets by role and name, never by place."""

import json
import os
import re
import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

TIMEOUT = 30
KEYS = {"Home": 0xff50, "Left": 0xff51, "Up": 0xff52, "Right": 0xff53, "Down": 0xff54,
        "Page_Up": 0xff55, "Page_Down": 0xff56, "End": 0xff57, "Return": 0xff0d,
        "Escape": 0xff1b, "space": 0x20, "Tab": 0xff09,
        "plus": 0x3d,  # that with Shift, on the keyboard of Xvfb; the window takes both
        "bracketleft": 0x5b, "bracketright": 0x5d, "F6": 0xffc3, "F7": 0xffc4, "F8": 0xffc5,
        "Shift": 0xffe1, "Control": 0xffe3, "Alt": 0xffe9}


class Failure(Exception):
    pass


def wait_for(what, condition):
    """The first true value of condition (); waits for it."""
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            value = condition()
        except GLib.Error:  # an object went away while we looked at it
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("waited in vain for " + what)
        time.sleep(0.05)


def press(keys):
    """Types "Right", "Shift+Page_Down", "Alt+1", "p"."""
    *modifiers, key = keys.split("+")
    for modifier in modifiers:
        Atspi.generate_keyboard_event(keycode(KEYS[modifier]), None, Atspi.KeySynthType.PRESS)
    code = keycode(KEYS.get(key) or ord(key))
    Atspi.generate_keyboard_event(code, None, Atspi.KeySynthType.PRESS)
    Atspi.generate_keyboard_event(code, None, Atspi.KeySynthType.RELEASE)
    for modifier in reversed(modifiers):
        Atspi.generate_keyboard_event(keycode(KEYS[modifier]), None, Atspi.KeySynthType.RELEASE)
    time.sleep(0.04)


def type_text(text):
    """Types letter by letter, as a person would."""
    for letter in text:
        code, is_shifted = keycode(ord(letter)), needs_shift(letter)
        if is_shifted:
            Atspi.generate_keyboard_event(keycode(KEYS["Shift"]), None, Atspi.KeySynthType.PRESS)
        Atspi.generate_keyboard_event(code, None, Atspi.KeySynthType.PRESSRELEASE)
        if is_shifted:
            Atspi.generate_keyboard_event(keycode(KEYS["Shift"]), None, Atspi.KeySynthType.RELEASE)
        time.sleep(0.002)
    time.sleep(0.04)


def needs_shift(letter):
    """On the keyboard of Xvfb, which is American."""
    return letter.isupper() or letter in '~!@#$%^&*()_+{}|:"<>?'


_keycodes = {}


def keycode(keysym):
    """The keyboard of Xvfb is the one of X's defaults; asks it once."""
    if not _keycodes:
        gi.require_version("Gdk", "3.0")
        from gi.repository import Gdk
        keymap = Gdk.Keymap.get_for_display(Gdk.Display.open(os.environ["DISPLAY"]))
        _keycodes["keymap"] = keymap
    if keysym not in _keycodes:
        found, keys = _keycodes["keymap"].get_entries_for_keyval(keysym)
        if not found:
            raise Failure("no key for %#x" % keysym)
        _keycodes[keysym] = keys[0].keycode
    return _keycodes[keysym]


def children(node):
    """A chart makes its marks when asked for: they are not walked."""
    if node.get_role() == Atspi.Role.CHART:
        return
    for i in range(node.get_child_count()):
        child = node.get_child_at_index(i)
        if child is not None:
            yield child


def walk(node, into_tables=False):
    yield node
    if not into_tables and node.get_role() in (Atspi.Role.TABLE, Atspi.Role.TREE_TABLE):
        return
    for child in children(node):
        yield from walk(child, into_tables)


def is_showing(node):
    return node.get_state_set().contains(Atspi.StateType.SHOWING)


class Viewer:
    """A running viewer and its frame."""

    def __init__(self, build, *arguments, **environment):
        self.build = build
        self.found = {}  # what find() and text() gave last: a walk over all widgets takes long
        program = os.path.join(build, "ui/app/heapstrata-viewer")
        self.process = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **environment))
        self.frame = wait_for("the window", self._find_frame)
        # without a window manager the keyboard goes where the pointer is: the empty header bar
        wait_for("the window to be shown", lambda: is_showing(self.frame))
        self.rest_pointer()

    def rest_pointer(self):
        """Puts it where it touches nothing: rows under it would not be sorted anew."""
        Atspi.generate_mouse_event(330, 20, "abs")

    def _find_frame(self):
        if self.process.poll() is not None:
            raise Failure("the viewer ended: " + self.process.stderr.read())
        desktop = Atspi.get_desktop(0)
        for application in children(desktop):
            if application.get_process_id() != self.process.pid:
                continue
            for frame in children(application):
                if frame.get_role() == Atspi.Role.FRAME:
                    return frame
        return None

    def find_all(self, role, name=None, window=None):
        for node in walk(window or self.frame):
            if node.get_role() == role and (name is None or re.search(name, node.get_name() or "")):
                yield node

    def find(self, role, name=None, window=None):
        key = (role, name, window)

        def look():
            node = self.found.pop(key, None)
            if node is None or not self.is_still(node, role, name):
                node = next((n for n in self.find_all(role, name, window) if is_showing(n)), None)
            if node is not None:
                self.found[key] = node
            return node

        return wait_for("%s %s" % (role.value_nick, name or ""), look)

    @staticmethod
    def is_still(node, role, name):
        """Whether what was found once is shown and called so now."""
        try:
            return (is_showing(node) and node.get_role() == role and
                    (name is None or re.search(name, node.get_name() or "")))
        except GLib.Error:  # it is no more
            return False

    def has(self, role, name):
        return any(is_showing(n) for n in self.find_all(role, name))

    def text(self, pattern, window=None):
        """A label that is shown and reads like this, in the frame or a dialog."""
        return self.find(Atspi.Role.LABEL, pattern, window)

    def windows(self):
        for window in children(self.frame.get_application()):
            if is_showing(window):
                yield window

    def has_window(self, name):
        return any(re.search(name, w.get_name() or "") for w in self.windows())

    def find_window(self, name):
        """A dialog; the keyboard goes to it from now on."""
        window = wait_for("the window " + name, lambda: next(
            (w for w in self.windows() if re.search(name, w.get_name() or "")), None))
        box = window.get_extents(Atspi.CoordType.SCREEN)
        Atspi.generate_mouse_event(box.x + box.width // 2, box.y + box.height - 12, "abs")
        time.sleep(0.2)
        return window

    def click(self, role, name):
        node = self.find(role, name)
        node.get_action_iface().do_action(0)
        return node

    def focus(self, role, name):
        node = self.find(role, name)
        node.get_component_iface().grab_focus()
        wait_for("the focus on " + name,
                 lambda: node.get_state_set().contains(Atspi.StateType.FOCUSED))
        return node

    def close(self):
        """Ends it as a user would; complains about anything it wrote."""
        # on a crowded machine a key can come before the window has the keyboard: ask again
        for _ in range(max(1, int(TIMEOUT / 3))):
            press("Control+q")
            try:
                _, errors = self.process.communicate(timeout=3)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.process.kill()
            raise Failure("the viewer did not end")
        if self.process.returncode != 0 or errors.strip():
            raise Failure("the viewer ended with %d: %s" % (self.process.returncode, errors))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def table_rows(table, limit=50):
    """The visible columns of the first rows, as lists of texts. A row that goes away while they are
    read (the trace grows) makes them be read again."""
    return wait_for("rows that stand still", lambda: (read_rows(table, limit),))[0]


def read_rows(table, limit):
    iface = table.get_table_iface()
    n_columns = iface.get_n_columns()
    rows = []
    for row in range(min(iface.get_n_rows(), limit)):
        cells = [iface.get_accessible_at(row, column) for column in range(n_columns)]
        rows.append([cell_text(cell) for cell in cells])
    return rows


def cell_text(cell):
    """Its name, or those of what it is made of: an icon before a text."""
    if cell is None:
        return ""
    return cell.get_name() or " ".join(filter(None, (part.get_name() for part in children(cell))))


def cli(build, *arguments):
    run = subprocess.run([os.path.join(build, "src/cli/heapstrata"), *arguments, "--json"],
                         stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(run.stdout)


def numbers(text):
    """All whole numbers of a sentence, separators removed."""
    return [int(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*(?![\d.]*\d)", text)]


class Walk:
    """Steps with TAP output."""

    def __init__(self):
        self.n = self.n_bad = 0

    def step(self, name, run):
        self.n += 1
        begin = time.monotonic()
        try:
            run()
            print("ok %d - %s (%.1f s)" % (self.n, name, time.monotonic() - begin), flush=True)
        except (Failure, AssertionError, GLib.Error, KeyError, IndexError, ValueError) as error:
            self.n_bad += 1
            print("not ok %d - %s" % (self.n, name))
            print("# %s: %s" % (type(error).__name__, str(error).replace("\n", "\n# ")), flush=True)

    def end(self):
        print("1..%d" % self.n)
        sys.exit(1 if self.n_bad else 0)


def equal(what, window, command_line):
    if window != command_line:
        raise Failure("%s: the window says %r, the command line %r" % (what, window, command_line))
