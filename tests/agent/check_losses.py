# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost silently: what a recording says when something goes wrong, and that the program
does not notice.

Usage: check_losses.py HEAPSTRATA LOSSES SCRATCH. The programs are cases of losses.c. The checks
adopt orphans, so the status of a program whose recorder was killed is known too.
"""
import collections
import concurrent.futures
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, LOSSES = sys.argv[1:3]
SCRATCH = tempfile.mkdtemp(prefix="losses-", dir=sys.argv[3])
STEPS, STATUS = 150, 7
PR_SET_CHILD_SUBREAPER = 36
results = Results()


def check(case, what, is_right, found=""):
    results.check(f"{case}: {what}", is_right, found)


class Recording:
    """A recorder in a process group of its own."""

    def __init__(self, name, *program, form="hst", **popen):
        self.name = name
        self.trace = os.path.join(SCRATCH, f"{name}.{form}")
        self.progress = os.path.join(SCRATCH, f"{name}.progress")
        command = [HEAPSTRATA, "record", "-o", self.trace, "--", LOSSES,
                   *(self.progress if word == "PROGRESS" else word for word in program)]
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        self.process = subprocess.Popen(command, start_new_session=True, text=True, **popen)

    def wait(self):
        self.out, self.err = self.process.communicate(timeout=60)
        return self.process.returncode

    def steps(self):
        """How many blocks the program says it has made."""
        try:
            with open(self.progress, "rb") as file:
                return struct.unpack("I", file.read(4))[0]
        except (OSError, struct.error):
            return 0

    def wait_for_steps(self, n):
        while self.steps() < n and self.process.poll() is None:
            time.sleep(0.005)

    def target(self):
        """The process id of the program."""
        while True:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
                children = file.read().split()
            if children:
                return int(children[0])
            time.sleep(0.001)

    def check(self, what, is_right, found=""):
        check(self.name, what, is_right, found)

    def ask(self, command):
        done = subprocess.run([HEAPSTRATA, command, "--json", self.trace], capture_output=True,
                              text=True, timeout=60)
        self.check(f"{command} opens the file", done.returncode in (0, 1), done.stderr)
        return json.loads(done.stdout)

    def sizes(self):
        """How often each size was allocated."""
        done = subprocess.run([HEAPSTRATA, "dump", "--json", "--limit=0", "--kind=alloc",
                               self.trace], capture_output=True, text=True, timeout=60)
        return collections.Counter(json.loads(line)["size"] for line in done.stdout.splitlines())

    def check_prefix(self, least, most):
        """Blocks of 1000, 1001 … without a hole, at least and at most so many."""
        sizes = self.sizes()
        n = 0
        while sizes[1000 + n] == 1:
            n += 1
        more = [size for size in range(1000 + n, 1000 + 10 * STEPS) if sizes[size] > 0]
        self.check(f"{least} to {most} blocks, none missing before the last",
                   least <= n <= most and not more, (n, more[:5]))

    def check_sound(self, summary=None):
        totals = (summary or self.ask("summary"))["totals"]
        self.check("every free has its block", totals["unmatched_frees"] == 0, totals)
        self.check("no address is given out twice", totals["duplicate_allocs"] == 0, totals)


def wait_for_orphan(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def recorder_is_killed(form):
    run = Recording(f"recorder-killed-{form}", "slow", "PROGRESS", form=form)
    run.wait_for_steps(STEPS // 3)
    target, seen = run.target(), run.steps()
    run.process.kill()
    run.process.wait(timeout=60)
    status = wait_for_orphan(target)
    out, _ = run.process.communicate(timeout=60)
    run.check("the program's own status", status == STATUS, status)
    run.check("its output", out == "done\n", out)
    run.check("it went on", run.steps() == STEPS, run.steps())
    # .hst: what was drained gets into the file ten times a second, so some 10 steps may be missing;
    # .etl has buffers of 64 KiB, and the one that was being filled is gone
    run.check_prefix(seen - 40 if form == "hst" else 0, STEPS)
    run.check_sound()
    kinds = {finding["kind"] for finding in run.ask("findings")["findings"]}
    run.check("findings say that it was not closed", "not-finalized" in kinds
              or "truncated" in kinds, kinds)


def program_is_killed():
    run = Recording("program-killed", "slow", "PROGRESS")
    run.wait_for_steps(STEPS // 3)
    os.kill(run.target(), signal.SIGKILL)
    status = run.wait()
    run.check("status 128 + 9", status == 128 + 9, status)
    run.check_prefix(run.steps(), run.steps() + 1)
    run.check_sound()


def program_dies(number):
    run = Recording(f"dies-of-{number}", "die", "PROGRESS", str(int(number)))
    status = run.wait()
    run.check("status 128 + the signal", status == 128 + number, status)
    run.check("all its blocks", run.steps() == STEPS * 10, run.steps())
    run.check_prefix(STEPS * 10, STEPS * 10)
    run.check_sound()


def check_full(run):
    status = run.wait()
    run.check("recording failed", status == 125, (status, run.err))
    run.check("the program did not notice", run.out == "done\n", run.out)
    run.check("one sentence says so", run.err.count("\n") == 1
              and run.err.startswith("heapstrata: "), run.err)
    summary = run.ask("summary")
    run.check("what was written is there", summary["totals"]["allocs"] > 100, summary["totals"])
    run.check_sound(summary)


def file_too_large(form):
    run = Recording(f"file-too-large-{form}", "storm", "2", "200000", form=form)
    while not os.path.exists(run.trace) or os.path.getsize(run.trace) < 100000:
        time.sleep(0.001)
    # the shared memory and the program have been made: only the recording meets the limit
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (300000, 300000))
    check_full(run)


def disk_full():
    folder = os.path.join(SCRATCH, "small")
    os.mkdir(folder)
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "none", folder],
            capture_output=True).returncode != 0:
        print("disk full: skipped, needs a small file system")
        return
    try:
        check_full(Recording("small/disk-full", "storm", "2", "100000"))
    finally:
        subprocess.run(["umount", folder], check=True)


def check_leak_list(run, totals):
    """Tree and functions: how much of each row may have been freed, and a sentence why."""
    for form in ([], ["--functions", "--inclusive"], ["--bottom-up"]):
        command = [HEAPSTRATA, "tree", "--leaks", *form, run.trace]
        text = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        told = re.search(r"^Unsure: .* in ([\d,]+) blocks. They are older than a gap in the "
                         r"recording and may have been freed in it.$", text, re.M)
        label = "the leak list " + " ".join(form)
        run.check(label + " has a column", " Unsure " in text.splitlines()[0], text)
        run.check(label + " says why", told is not None and
                  int(told[1].replace(",", "")) == totals["unsure_count"], (text, totals))
        rows = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True,
                                         timeout=60).stdout)
        if "rows" in rows:
            top = [row["inclusive"] for row in rows["rows"] if row["parent"] is None]
            run.check(label + " tells it of each row", totals["unsure_count"] == sum(
                row["unsure_count"] for row in top) and all(
                    row["unsure_count"] <= row["outstanding_count"] for row in top), top)


def check_storm(run, status, n_threads, n_pairs):
    """Everything recorded or counted as lost; what is older than a loss is unsure."""
    summary, findings = run.ask("summary"), run.ask("findings")
    totals, lost = summary["totals"], summary["lost_events"]
    events = totals["allocs"] + totals["frees"]
    run.check("status", status == STATUS, (status, run.err))
    run.check("output", run.out == "done\n", run.out)
    run.check_sound(summary)
    kinds = {finding["kind"] for finding in findings["findings"]}
    if lost == 0:
        run.check("nothing else is said", not kinds & {"events-lost", "recording-gap"}, kinds)
        run.check("every event is there", events >= 2 * n_threads * n_pairs, events)
        return lost
    run.check("the recorder says so", "lost" in run.err, run.err)
    run.check("findings say so", {"events-lost", "recording-gap"} <= kinds, kinds)
    run.check("blocks older than a gap are unsure", totals["unsure_count"] >= 10, totals)
    check_leak_list(run, totals)
    text = subprocess.run([HEAPSTRATA, "summary", run.trace], capture_output=True, text=True,
                          timeout=60).stdout
    run.check("the summary says so", "unsure after a gap" in text, text)
    return lost


def overrun():
    n_threads, n_pairs = 16, 40000
    run = Recording("overrun", "storm", str(n_threads), str(n_pairs))
    status = run.wait()
    check_storm(run, status, n_threads, n_pairs)


def recorder_is_stopped():
    """Stopped until the rings are full: events are lost, and counted to the last."""
    n_threads, n_pairs = 4, 100000
    run = Recording("recorder-stopped", "storm", str(n_threads), str(n_pairs))
    time.sleep(0.15)
    os.kill(run.process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(run.process.pid, signal.SIGCONT)
    status = run.wait()
    lost = check_storm(run, status, n_threads, n_pairs)
    totals = run.ask("summary")["totals"]
    if lost == 0:
        print("recorder stopped: nothing was lost")
    run.check("recorded and lost make all", totals["allocs"] + totals["frees"] + lost
              >= 2 * n_threads * n_pairs, (totals, lost))


def losses_are_counted():
    """What is recorded and what is lost make the same sum, however much of it is lost."""
    sums, losses = [], []
    for name, seconds in (("counted", 0), ("counted-with-loss", 0.3)):
        run = Recording(name, "storm", "1", "400000")
        run.target()
        time.sleep(0.03)
        if seconds > 0:
            os.kill(run.process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(run.process.pid, signal.SIGCONT)
        run.check("status", run.wait() == STATUS, run.err)
        summary = run.ask("summary")
        losses.append(summary["lost_events"])
        sums.append(summary["totals"]["allocs"] + summary["totals"]["frees"] + losses[-1])
    run.check("some were lost", losses[1] > 0, losses)
    run.check("not one more or less is told", sums[0] == sums[1], (sums, losses))


def recorder_is_stopped_for_long():
    """The program neither waits for it nor is traced on; later recording goes on after a gap."""
    run = Recording("stopped-for-long", "slow", "PROGRESS")
    run.wait_for_steps(20)
    os.kill(run.process.pid, signal.SIGSTOP)
    storm = Recording("storm-without-recorder", "storm", "2", "1000000")
    target = storm.target()
    time.sleep(0.02)
    os.kill(storm.process.pid, signal.SIGSTOP)
    # the storm ends while its recorder sleeps: it is a zombie then
    while open(f"/proc/{target}/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
        time.sleep(0.02)
    os.kill(storm.process.pid, signal.SIGCONT)
    os.kill(run.process.pid, signal.SIGCONT)
    status = storm.wait()
    check_storm(storm, status, 2, 1000000)
    status = run.wait()
    run.check("status", status == STATUS, status)
    run.check_prefix(STEPS, STEPS)
    run.check_sound()


def threads_come_and_go():
    run = Recording("short-threads", "short-threads", "2000")
    run.check("status", run.wait() == STATUS, run.err)
    run.check("its end is no exec", "exec" not in run.err, run.err)
    summary = run.ask("summary")
    run.check_sound(summary)
    run.check("every block is there, or the loss", run.sizes()[1000] == 2000
              or summary["lost_events"] > 0, (run.sizes()[1000], summary["lost_events"]))


def crowd():
    """More threads at once than rings: what was not recorded is counted, and a gap."""
    run = Recording("crowd", "crowd", "400")
    run.check("status", run.wait() == STATUS, run.err)
    summary = run.ask("summary")
    recorded = summary["totals"]["allocs"] + summary["totals"]["frees"]
    run.check_sound(summary)
    run.check("recorded and lost make all", recorded + summary["lost_events"] >= 400 * 40,
              (recorded, summary["lost_events"]))
    run.check("a gap", summary["gaps"] > 0, summary["gaps"])


def daemon():
    run = Recording("daemon", "daemon", "PROGRESS")
    status = run.wait()
    run.check("ends with the parent", status == STATUS, (status, run.err))
    sizes = run.sizes()
    run.check("the parent's blocks only", sizes[1000] == 1 and sizes[2000] == 0, sizes)
    for _ in range(400):
        if os.path.exists(run.progress) and os.path.getsize(run.progress) > 0:
            break
        time.sleep(0.01)
    with open(run.progress) as file:
        run.check("the daemon went on", file.read() == "unharmed\n")


def poor(how):
    run = Recording(f"poor-{how}", "poor", how)
    status = run.wait()
    if status == 2 and os.geteuid() != 0:
        print(f"poor {how}: skipped, needs root")
        return
    run.check("status", status == STATUS, (status, run.err))
    sizes = run.sizes()
    run.check("all blocks", sizes[1000] == 3 and sizes[1001] == 10, sizes)
    run.check_sound()


def without_outputs():
    """Closed descriptors: neither the file nor the shared memory may take their place."""
    def close_outputs():
        for number in (0, 1, 2):
            os.close(number)

    run = Recording("no-outputs", "storm", "2", "1000", preexec_fn=close_outputs,
                    stdout=None, stderr=None)
    run.check("status", run.process.wait(timeout=60) == STATUS, run.process.returncode)
    summary = run.ask("summary")
    run.check_sound(summary)
    run.check("no finding", summary["issues"]["count"] == 0, summary["issues"])
    run.check("all blocks", sum(run.sizes()[1000 + i] for i in range(7)) == 2000, "")


def broken_pipe():
    """Nobody reads what the recorder has to say."""
    run = Recording("broken-pipe", "slow", "PROGRESS")
    run.wait_for_steps(5)
    run.process.stderr.close()
    run.process.stderr = None
    status = run.process.wait(timeout=60)
    run.check("status", status == STATUS, status)
    run.check_prefix(STEPS, STEPS)


def interrupted(case, wanted):
    """Ctrl-C goes to the whole group: the program decides."""
    run = Recording(f"interrupted-{case}", case, "PROGRESS")
    run.wait_for_steps(20)
    os.killpg(run.process.pid, signal.SIGINT)
    status = run.wait()
    run.check("status", status == wanted, (status, run.err))
    run.check_prefix(run.steps(), run.steps() + 1)
    run.check_sound()


def recorder_is_told(number):
    """The recording ends, the program does not."""
    run = Recording(f"told-{number}", "slow", "PROGRESS")
    run.wait_for_steps(20)
    target = run.target()
    run.process.send_signal(number)
    status = run.process.wait(timeout=60)
    seen = run.steps()
    run.check("status 0", status == 0, status)
    run.check("the program's own status", wait_for_orphan(target) == STATUS)
    run.check("it went on", run.steps() == STEPS, run.steps())
    run.check_prefix(20, seen)
    run.check_sound()
    run.process.communicate()


def cannot_start():
    run = Recording("cannot-start", "slow", "PROGRESS")
    run.wait()
    done = subprocess.run([HEAPSTRATA, "record", "-o", os.path.join(SCRATCH, "none.hst"), "--",
                           "/nonexistent"], capture_output=True, text=True)
    check("cannot-start", "127", done.returncode == 127, done.stderr)
    check("cannot-start", "no file", not os.path.exists(os.path.join(SCRATCH, "none.hst")))


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup, and then by the recorder
    cases = [
        (recorder_is_killed, "hst"), (recorder_is_killed, "etl"), (program_is_killed,),
        (program_dies, signal.SIGSEGV), (program_dies, signal.SIGKILL),
        (file_too_large, "hst"), (file_too_large, "etl"), (disk_full,),
        (overrun,), (recorder_is_stopped,), (losses_are_counted,),
        (recorder_is_stopped_for_long,),
        (threads_come_and_go,), (crowd,), (daemon,), (without_outputs,), (broken_pipe,),
        (interrupted, "interrupted", STATUS), (interrupted, "slow", 128 + signal.SIGINT),
        (recorder_is_told, signal.SIGTERM), (recorder_is_told, signal.SIGHUP), (cannot_start,),
        *((poor, how) for how in ("close", "close-all", "limits", "chdir", "chroot", "uid")),
    ]
    wanted = sys.argv[4:]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = {pool.submit(*case): case for case in cases
                if not wanted or case[0].__name__ in wanted}
        for job in concurrent.futures.as_completed(jobs):
            case = jobs[job]
            if job.exception() is not None:
                check(" ".join([case[0].__name__, *map(str, case[1:])]), "runs", False,
                      repr(job.exception()))
    shutil.rmtree(SCRATCH, ignore_errors=True)
    sys.exit(results.end())


main()
