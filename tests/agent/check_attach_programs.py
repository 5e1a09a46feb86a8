# SPDX-License-Identifier: GPL-3.0-or-later
"""Attaches to programs that others wrote while they work, and lets go of them: their answers stay
right, no request fails, and what they allocate meanwhile is in the trace.

Usage: check_attach_programs.py HEAPSTRATA TARGET MODULE SCRATCH [CASE…]. Servers that are not
installed (memcached, redis) are skipped; a threaded server of Python's is always there.
"""
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from attaching import (SCRATCH, Attached, check, is_hooked, n_descriptors, results, run,
                       words_into_agent)

PYTHON = "/usr/bin/python3"


def start(*command, **variables):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, env={**os.environ, **variables})


def say(process, line):
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()


def hear(process):
    return process.stdout.readline().decode().strip()


def end(process):
    process.kill()
    process.communicate()


def n_events(dump):
    kinds = [event["kind"] for event in dump]
    return kinds.count("alloc") + kinds.count("free")


def check_released(case, process, descriptors):
    check(case, "nothing leads into the agent", words_into_agent(process.pid) == 0)
    check(case, "no descriptor is left", n_descriptors(process.pid) <= descriptors)
    check(case, "it runs on", process.poll() is None, process.returncode)


def case_python():
    process = start(PYTHON, "-c", "print('ready', flush=True); input()\n"
                                  "kept = [bytearray(70000) for _ in range(20)]\n"
                                  "words = sorted(str(i * 7919 % 1000) for i in range(100000))\n"
                                  "print(len(kept), words[50000], flush=True); input()")
    hear(process)
    descriptors = n_descriptors(process.pid)
    attached = Attached(process.pid, "python").wait_until_recording()
    check("python", "slots are hooked", is_hooked(process.pid))
    say(process, "go")
    check("python", "it computes what it should", hear(process) == "20 549")
    check("python", "detach", attached.detach() == (0, 0), attached.said)
    seen = attached.sizes()
    check("python", "20 blocks of 70001", seen[70001] == 20, seen[70001])
    check("python", "blocks of before are no errors",
          {found["kind"] for found in attached.findings()} <= {"recording-gap"})
    check_released("python", process, descriptors)
    say(process, "end")
    check("python", "it ends well", process.wait(20) == 0, process.returncode)
    process.communicate()


GTK_PROGRAM = """
import gi, sys
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
window, label, ticks = Gtk.Window(), Gtk.Label(), 0
window.add(label)
def tick():
    global ticks
    ticks += 1
    label.set_text("%d ticks" % ticks)
    if ticks % 20 == 0:
        print(ticks, flush=True)
    return True
GLib.timeout_add(20, tick)
window.show_all()
Gtk.main()
"""


def start_display():
    """An X server of our own: the process and its DISPLAY."""
    told, tell = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(tell), "-nolisten", "tcp"],
                              pass_fds=[tell], stderr=subprocess.DEVNULL)
    os.close(tell)
    with os.fdopen(told) as file:
        number = file.readline().strip()
    return server, ":" + number


def case_gtk():
    if not shutil.which("Xvfb"):
        results.skip("gtk", "there is no Xvfb")
        return
    server, display = start_display()
    process = start(PYTHON, "-c", GTK_PROGRAM, DISPLAY=display, GDK_BACKEND="x11",
                    NO_AT_BRIDGE="1")
    check("gtk", "it ticks", hear(process) == "20")
    descriptors = n_descriptors(process.pid)
    for turn in range(3):
        attached = Attached(process.pid, "gtk").wait_until_recording()
        first = int(hear(process))
        check("gtk", "it ticks on while recorded", int(hear(process)) == first + 20, turn)
        check("gtk", "detach", attached.detach() == (0, 0), attached.said)
    dump = attached.dump()
    check("gtk", "there are events", n_events(dump) > 100, attached.said)
    modules = {event.get("path", "") for event in dump if event["kind"] == "module"}
    check("gtk", "GTK is among the callers", any("libgtk-3" in path for path in modules), modules)
    check_released("gtk", process, descriptors + 2)  # its own: fonts, themes
    check("gtk", "it ticks afterwards", int(hear(process)) > 0)
    print("# gtk: " + attached.said.splitlines()[0])
    end(process)
    end_display(server)


def end_display(server):
    server.terminate()
    server.wait()


def case_git():
    """A git that answers questions about objects."""
    if not shutil.which("git"):
        results.skip("git", "there is no git")
        return
    folder = os.path.join(SCRATCH, "attach-git")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "init", "-q", folder], check=True, timeout=60)
    names = []
    for i in range(50):
        done = subprocess.run(["git", "-C", folder, "hash-object", "-w", "--stdin"], check=True,
                              input=f"{i} ".encode() * 4000, capture_output=True, timeout=60)
        names.append(done.stdout.decode().strip())
    process = start("git", "-C", folder, "cat-file", "--batch")
    say(process, names[0])
    content = [read_object(process)]
    descriptors = n_descriptors(process.pid)
    attached = Attached(process.pid, "git").wait_until_recording()
    for name in names[1:]:
        say(process, name)
        content.append(read_object(process))
    check("git", "every answer is right",
          content == [f"{i} ".encode() * 4000 for i in range(50)])
    check("git", "detach", attached.detach() == (0, 0), attached.said)
    check("git", "there are events", n_events(attached.dump()) >= 98, attached.said)
    check_released("git", process, descriptors)
    process.communicate(timeout=20)
    check("git", "it ends well", process.returncode == 0, process.returncode)


def read_object(process):
    size = int(hear(process).split()[2])
    return process.stdout.read(size + 1)[:-1]


class Load:
    """Threads that ask without a pause, and count what went wrong."""

    def __init__(self, ask, n_threads=4):
        self.n = self.n_wrong = 0
        self.why = ""
        self.ask = ask
        self.is_over = False
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        turn = 0
        while not self.is_over:
            turn += 1
            try:
                is_right = self.ask(number, turn)
            except OSError as error:
                is_right, self.why = False, str(error)
            self.n += 1
            self.n_wrong += not is_right

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def under_load(case, process, ask, least=100):
    load = Load(ask)
    time.sleep(0.2)
    descriptors = n_descriptors(process.pid)
    for turn in range(5):
        before = load.n
        attached = Attached(process.pid, case, "--duration=0.4")
        check(case, f"attach {turn}", attached.wait() == 0, attached.said)
        check(case, "it answers meanwhile", load.n > before, load.n)
    check(case, "there are events", n_events(attached.dump()) >= least, attached.said)
    load.end()
    print(f"# {case}: {load.n} requests; " + attached.said.splitlines()[0])
    check(case, "no request failed", load.n_wrong == 0, (load.n_wrong, load.why))
    check_released(case, process, descriptors + 8)  # connections come and go
    end(process)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"nobody answers at port {port}")


def case_http():
    """A thread for each request."""
    folder = os.path.join(SCRATCH, "attach-http")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "page"), "wb") as file:
        file.write(b"0123456789" * 5000)
    port = free_port()
    process = start(PYTHON, "-m", "http.server", str(port), "--bind", "127.0.0.1",
                    "--directory", folder)
    wait_for_port(port)

    def ask(_number, _turn):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=20) as answer:
            return answer.read() == b"0123456789" * 5000
    under_load("http", process, ask)


class Connections:
    """One for each thread of the load, with its answers read line by line."""

    def __init__(self, port):
        self.port = port
        self.files = {}

    def file(self, number):
        if number not in self.files:
            connection = socket.create_connection(("127.0.0.1", self.port), 20)
            self.files[number] = connection.makefile("rwb")
            connection.close()  # the file keeps it
        return self.files[number]

    def exchange(self, number, request, n_lines):
        file = self.file(number)
        file.write(request)
        file.flush()
        return [file.readline().rstrip() for _ in range(n_lines)]

    def close(self):
        for file in self.files.values():
            file.close()


def case_memcached():
    if not shutil.which("memcached"):
        results.skip("memcached", "it is not installed")
        return
    port = free_port()
    user = ["-u", "root"] if os.geteuid() == 0 else []
    process = start("memcached", "-l", "127.0.0.1", "-p", str(port), "-t", "4", "-U", "0", *user)
    wait_for_port(port)
    connections = Connections(port)

    def ask(number, turn):
        value = b"%d" % turn * (turn % 900 + 1)
        key = b"key%d.%d" % (number, turn % 500)
        stored = connections.exchange(number, b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value),
                                      1)
        got = connections.exchange(number, b"get %s\r\n" % key, 3)
        if turn % 50 == 0:  # a connection that comes and goes
            connections.files.pop(number).close()
        return stored == [b"STORED"] and got[1] == value and got[2] == b"END"
    under_load("memcached", process, ask, least=0)  # it hands out slabs of its own
    connections.close()


def case_redis():
    """Its allocator is jemalloc."""
    if not shutil.which("redis-server"):
        results.skip("redis", "it is not installed")
        return
    port = free_port()
    process = start("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                    "--appendonly", "no", "--io-threads", "3", "--dir", SCRATCH)
    wait_for_port(port)
    connections = Connections(port)

    def ask(number, turn):
        value = b"%d" % turn * (turn % 900 + 1)
        key = b"key%d.%d" % (number, turn % 500)
        stored = connections.exchange(number, b"SET %s %s\r\n" % (key, value), 1)
        got = connections.exchange(number, b"GET %s\r\n" % key, 2)
        return stored == [b"+OK"] and got[1] == value
    under_load("redis", process, ask)
    connections.close()


if __name__ == "__main__":
    sys.exit(run(globals()))
