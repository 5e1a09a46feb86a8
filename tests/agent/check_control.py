# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to recordings from outside: pause, resume, mark, detach, status, and who may do so.

Usage: check_control.py HEAPSTRATA STEPS SCRATCH. steps.c allocates a block of a told size for every
line that it reads, so it is known what lies on which side of a pause.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, STEPS, SCRATCH = sys.argv[1:4]
RUNTIME = os.path.join(SCRATCH, "run")
os.makedirs(RUNTIME, mode=0o700, exist_ok=True)
os.environ["XDG_RUNTIME_DIR"] = RUNTIME
results = Results()
check = results.check


def command(*arguments):
    return subprocess.run([HEAPSTRATA, *arguments], capture_output=True, text=True, timeout=60)


def dump(path):
    lines = command("dump", "--json", "--limit=0", path).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def summary(path):
    return json.loads(command("summary", "--json", path).stdout)


class Recording:
    """A recorded known program that does a step for each line; `pid` is the program's."""

    def __init__(self, output, *options):
        self.path = os.path.join(SCRATCH, output)
        self.process = subprocess.Popen([HEAPSTRATA, "record", "-o", self.path, *options, "--",
                                         STEPS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.pid = int(self.process.stdout.readline())
        deadline = time.monotonic() + 20
        while not os.path.exists(self.socket()) and time.monotonic() < deadline:
            time.sleep(0.01)

    def socket(self):
        return os.path.join(RUNTIME, "heapstrata", str(self.pid))

    def step(self, size):
        """The program allocates (size > 0) or frees the block of -size, and says when it has."""
        self.process.stdin.write(f"{size}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == str(size)

    def ask(self, request):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(self.socket())
            connection.send(request.encode())
            return connection.recv(8192).decode()

    def end(self):
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def pause_and_mark(extension):
    recording = Recording(f"control.{extension}")
    recording.step(1001)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not any(event.get("size") == 1001
                                                  for event in dump(recording.path)):
        time.sleep(0.2)
    check("readable while it grows", time.monotonic() < deadline)
    check("mark", command("mark", str(recording.pid), "before", "the pause").returncode == 0)
    recording.step(1002)
    check("pause", command("pause", str(recording.pid)).returncode == 0)
    again = command("pause", str(recording.pid))
    check("a second pause is refused", again.returncode == 1 and "paused already" in again.stderr,
          again.stderr)
    status = recording.ask("status")
    check("status", status.startswith("ok\n") and "state=paused" in status
          and f"pid={recording.pid}" in status and f"file={recording.path}" in status, status)
    recording.step(1003)
    check("resume", command("resume", str(recording.pid)).returncode == 0)
    recording.step(1004)
    check("unknown request", recording.ask("fly").startswith("error "))
    check("a mark without a name", recording.ask("mark ").startswith("error "))
    code, errors = recording.end()
    check("exit status", code == 7, (code, errors))
    check("the socket is gone", not os.path.exists(recording.socket()))
    events = dump(recording.path)
    sizes = {event["size"]: event["time"] for event in events
             if event["kind"] == "alloc" and 1001 <= event["size"] <= 1004}
    check("what was paused is missing", sorted(sizes) == [1001, 1002, 1004], sizes)
    marks = [event for event in events if event["kind"] == "mark"]
    check("one mark", [mark["text"] for mark in marks] == ["before the pause"], marks)
    gaps = [event for event in events if event["kind"] == "gap"]
    check("one gap", len(gaps) == 1, gaps)
    if marks and gaps and len(sizes) == 3:
        check("the mark has its place", sizes[1001] <= marks[0]["time"] <= sizes[1002], marks)
        check("the gap has its place", sizes[1002] <= gaps[0]["time"] <= gaps[0]["until"]
              <= sizes[1004], gaps)
    return events


def free_stacks(extension):
    """Both freed by step(), of main(): its stack stands at the free."""
    recording = Recording(f"free-stacks.{extension}", "--free-stacks")
    recording.step(4001)
    recording.step(-4001)
    recording.end()
    events = dump(recording.path)
    born = [event for event in events if event["kind"] == "alloc" and event["size"] == 4001]
    ends = [event for event in events if event["kind"] == "free" and born
            and event["address"] == born[0]["address"]]
    stacks = {event["slot"]: event["frames"] for event in events if event["kind"] == "stack"}
    links = {event["to"]: event["slot"] for event in events if event["kind"] == "stack-link"}
    frames = [stacks.get(event.get("stack", links.get(event.get("stack_ref"))))
              for event in born + ends]
    check(f"{extension}: a free with its stack", len(frames) == 2 and all(frames), (born, ends))
    if len(frames) == 2 and all(frames):
        check(f"{extension}: of another place in the same function",
              frames[0][0] != frames[1][0] and frames[0][1:] == frames[1][1:], frames)


def refusals():
    for name in ("pause", "resume"):
        done = command(name, "999999")
        check(f"{name} of nobody", done.returncode == 1 and "not being recorded" in done.stderr,
              done.stderr)
        check(f"{name} of nonsense", command(name, "x1").returncode == 2)
    check("mark without a name", command("mark", str(os.getpid())).returncode == 2)
    folder = os.path.join(RUNTIME, "heapstrata")
    check("the folder is private", os.stat(folder).st_mode & 0o777 == 0o700)


def stale_and_second():
    """A killed recorder leaves its socket behind: nobody answers there."""
    recording = Recording("stale.hst")
    recording.step(2001)
    recording.process.send_signal(signal.SIGKILL)
    recording.process.wait()
    check("a stale socket is left", os.path.exists(recording.socket()))
    done = command("pause", str(recording.pid))
    check("nobody answers", done.returncode == 1 and "not being recorded" in done.stderr,
          done.stderr)
    recording.process.stdin.close()
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{recording.pid}") and time.monotonic() < deadline:
        time.sleep(0.01)
    second = Recording("second.hst")
    check("the next recorder removes it", not os.path.exists(recording.socket()))
    check("and leaves its own", os.path.exists(second.socket()))
    second.end()


def detach():
    recording = Recording("detach.hst")
    recording.step(3001)
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(recording.socket())
        connection.send(b"detach")
        check("detach", connection.recv(8192) == b"ok")
        connection.settimeout(20)
        check("the connection ends with the recording", connection.recv(8192) == b"")
    check("at once", time.monotonic() - began < 15)
    recording.step(3002)
    code, errors = recording.end()
    check("a recording told to end", code == 0, (code, errors))
    found = {event["size"] for event in dump(recording.path) if event["kind"] == "alloc"}
    check("recorded up to the end", 3001 in found and 3002 not in found)


def main():
    for extension in ("hst", "etl"):
        pause_and_mark(extension)
        free_stacks(extension)
    refusals()
    stale_and_second()
    detach()
    return results.end()


sys.exit(main())
