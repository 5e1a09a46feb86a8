# SPDX-License-Identifier: GPL-3.0-or-later
"""Attaches to programs with known allocations, in every awkward moment, and lets go of them again.

Usage: check_attach.py HEAPSTRATA TARGET MODULE SCRATCH [CASE…]. Each case of attach_target.c stands
here with what the trace must say and how the program must be left: the same memory, descriptors and
mappings, and waits that last as long as they should.
"""
import os
import re
import signal
import subprocess
import sys
import time

from attaching import (HEAPSTRATA, MODULE, Attached, Target, check, check_left_alone, file_memory,
                       is_hooked, n_descriptors, run, words_into_agent)


def known(case, **variables):
    target = Target("known", **variables)
    target.expect_waiting("ready")
    before, descriptors = file_memory(target.pid, True), n_descriptors(target.pid)
    attached = Attached(target.pid, case).wait_until_recording()
    check(case, "slots are hooked", is_hooked(target.pid))
    target.go_on()
    target.expect("done")
    check(case, "detach", attached.detach() == (0, 0), attached.said)
    seen = attached.sizes()
    for size, count in {1234: 1000, 77777: 70, 3333: 30, 10: 1, 5005: 1, 60006: 1, 6400: 1,
                        12800: 1, 25600: 1, 2000: 0}.items():
        check(case, f"{count} blocks of {size}", seen[size] == count, seen[size])
    kinds = {found["kind"] for found in attached.findings()}
    check(case, "blocks of before are unknown, not errors", kinds <= {"recording-gap"}, kinds)
    check(case, "no descriptor is left", n_descriptors(target.pid) == descriptors)
    if "LD_BIND_NOW" in variables:
        check_left_alone(case, target.pid, before, True)
    else:  # the loader itself has filled in slots of functions that were called meanwhile
        check(case, "nothing leads into the agent", words_into_agent(target.pid) == 0)
    target.go_on()
    check(case, "the target ends well", target.process.wait(10) == 0, target.process.returncode)
    target.end()


def case_known():
    known("known")


def case_known_bind_now():
    known("known_bind_now", LD_BIND_NOW="1")


def case_options():
    """The same recording with its index, with stacks of frees (which an index does not hold, so
    that none is written), and as the newest part of one."""
    for name, options in {"plain": (), "indexed": ("--index",),
                          "frees": ("--free-stacks", "--index"),
                          "newest": ("--circular=10min",)}.items():
        target = Target("known", LD_BIND_NOW="1")
        target.expect_waiting("ready")
        attached = Attached(target.pid, f"options-{name}", *options).wait_until_recording()
        target.go_on()
        target.expect("done")
        check("options", f"{name}: detach", attached.detach() == (0, 0), attached.said)
        events = attached.dump()
        frees = [event for event in events if event["kind"] == "free" and event["call"] == "free"]
        with_stack = sum("stack" in event for event in frees)
        check("options", f"{name}: stacks of {len(frees)} frees", len(frees) >= 1050 and
              with_stack == (len(frees) if name == "frees" else 0), with_stack)
        check("options", f"{name}: 70 blocks of 77777", attached.sizes()[77777] == 70)
        with open(attached.trace, "rb") as file:
            has_index = b"HSTINX" in file.read()[-32:]
        check("options", f"{name}: index only where it can be", has_index == (name == "indexed"))
        target.go_on()
        target.end()


def case_untouched():
    """Attach and detach while the target waits: then nothing at all may differ."""
    for variables in {}, {"LD_BIND_NOW": "1"}:
        target = Target("known", **variables)
        target.expect_waiting("ready")
        before = file_memory(target.pid)
        for turn in range(3):
            attached = Attached(target.pid, "untouched").wait_until_recording()
            check("untouched", "slots are hooked", is_hooked(target.pid), turn)
            check("untouched", "detach", attached.detach() == (0, 0), attached.said)
            check_left_alone("untouched", target.pid, before)
        target.end()


def case_blocked():
    target = Target("blocked")
    target.expect("ready")
    time.sleep(0.2)
    for _ in range(3):
        attached = Attached(target.pid, "blocked", "--duration=0.2")
        check("blocked", "attach", attached.wait() == 0, attached.said)
    said = {}
    for _ in range(10):
        line = target.process.stdout.readline().decode().split()
        said[line[0]] = (float(line[1]), int(line[2]), int(line[3]))
    timed_out = {"nanosleep": (0, 0), "poll": (0, 0), "futex": (-1, 110), "epoll": (0, 0),
                 "sigtimedwait": (-1, 11), "select": (0, 0), "recv": (-1, 11), "ppoll": (0, 0),
                 "epoll_pwait": (0, 0), "clock_nanosleep": (0, 0)}
    begins_again = {"epoll", "epoll_pwait", "sigtimedwait", "recv"}
    for name, (seconds, ret, error) in said.items():
        check("blocked", f"{name} notices nothing", (ret, error) == timed_out[name], (ret, error))
        check("blocked", f"{name} is not cut short", seconds > 1.45, seconds)
        if name not in begins_again:  # generous: the machine may be busy
            check("blocked", f"{name} is not drawn out", seconds < 2.4, seconds)
    target.go_on()
    check("blocked", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_in_malloc():
    target = Target("in_malloc")
    target.expect("ready")
    attached = Attached(target.pid, "in_malloc").wait_until_recording()
    check("in_malloc", "slots are hooked", is_hooked(target.pid))
    target.go_on()
    target.expect("done")
    check("in_malloc", "detach", attached.detach() == (0, 0), attached.said)
    check("in_malloc", "40 blocks of 4321", attached.sizes()[4321] == 40, attached.sizes()[4321])
    target.go_on()
    check("in_malloc", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_in_dlopen():
    target = Target("in_dlopen", MODULE)
    target.expect("ready")
    attached = Attached(target.pid, "in_dlopen").wait_until_recording()
    check("in_dlopen", "slots are hooked", is_hooked(target.pid))
    target.go_on()
    target.expect("done")
    check("in_dlopen", "detach", attached.detach() == (0, 0), attached.said)
    check("in_dlopen", "25 blocks of 8888", attached.sizes()[8888] == 25, attached.sizes()[8888])
    target.go_on()
    check("in_dlopen", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_load_later():
    target = Target("load_later", MODULE)
    target.expect("ready")
    attached = Attached(target.pid, "load_later").wait_until_recording()
    n_words = words_into_agent(target.pid)
    target.go_on()
    for _ in range(3):
        target.expect("loaded")
        for _ in range(400):  # the recorder looks at the loader's list some 30 times a second
            if words_into_agent(target.pid) > n_words:
                break
            time.sleep(0.01)
        target.go_on()
    target.expect("done")
    check("load_later", "detach", attached.detach() == (0, 0), attached.said)
    check("load_later", "60 blocks of 8888", attached.sizes()[8888] == 60, attached.sizes()[8888])
    check("load_later", "nothing leads into the agent", words_into_agent(target.pid) == 0)
    target.go_on()
    check("load_later", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_killed_recorder():
    """The target goes on, the file opens, the next attach works and leaves nothing behind."""
    target = Target("known", LD_BIND_NOW="1")
    target.expect_waiting("ready")
    before = file_memory(target.pid, True)
    attached = Attached(target.pid, "killed").wait_until_recording()
    attached.process.kill()
    attached.wait()
    check("killed_recorder", "slots stay hooked", is_hooked(target.pid))
    attached = Attached(target.pid, "killed2")
    while attached.process.poll() is None and "hooked" not in attached.said:
        status = subprocess.run([HEAPSTRATA, "mark", str(target.pid), "again"], capture_output=True)
        if status.returncode == 0:
            break
        time.sleep(0.05)
    time.sleep(0.2)
    target.go_on()
    target.expect("done")
    check("killed_recorder", "detach", attached.detach() == (0, 0), attached.said)
    seen = attached.sizes()
    check("killed_recorder", "1000 blocks of 1234", seen[1234] == 1000, seen[1234])
    check_left_alone("killed_recorder", target.pid, before, True)
    target.go_on()
    check("killed_recorder", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_killed_for_good():
    """Nobody comes again: the target allocates on, more than the rings hold."""
    target = Target("busy")
    target.expect("ready")
    attached = Attached(target.pid, "killed_for_good").wait_until_recording()
    time.sleep(0.3)
    attached.process.kill()
    attached.wait()
    summary = subprocess.run([HEAPSTRATA, "summary", "--json", attached.trace], capture_output=True,
                             text=True, timeout=60)
    check("killed_for_good", "the file opens", summary.returncode == 0, summary.stderr)
    time.sleep(2.5)
    target.go_on()
    target.expect("done")
    check("killed_for_good", "the target ends well", target.process.wait(20) == 0)
    target.end()


def case_fork_child():
    """A child that was forked while the hooks were in can be attached to as well."""
    target = Target("forks")
    target.expect("ready")
    attached = Attached(target.pid, "fork").wait_until_recording()
    target.go_on()
    child = int(target.expect("child").split()[1])
    attached_child = Attached(child, "fork_child")
    time.sleep(1.0)
    target.go_on()
    target.expect("done")
    asked = attached_child.detach()
    check("fork_child", "detach from the child", asked == (0, 0), attached_child.said)
    seen = attached_child.sizes()
    check("fork_child", "15 blocks of 3333", seen[3333] == 15, seen[3333])
    check("fork_child", "nothing leads into the agent", words_into_agent(child) == 0)
    check("fork_child", "detach from the parent", attached.detach() == (0, 0), attached.said)
    check("fork_child", "nothing of the child in the parent's", attached.sizes()[3333] == 0)
    os.kill(child, signal.SIGKILL)
    target.end()


def case_namespaces():
    """What another copy of the C library gives out is not recorded, and that is said."""
    target = Target("namespaces", MODULE)
    target.expect_waiting("ready")
    attached = Attached(target.pid, "namespaces").wait_until_recording()
    target.go_on()
    target.expect("done")
    check("namespaces", "detach", attached.detach() == (0, 0), attached.said)
    seen = attached.sizes()
    check("namespaces", "5 blocks of 4444, none of 8888", (seen[4444], seen[8888]) == (5, 0), seen)
    check("namespaces", "it says where the other calls lead",
          "more call slots lead to functions of libc.so.6" in attached.said, attached.said)
    target.go_on()
    check("namespaces", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_one_place():
    """What is kept of threads that are gone must not be looked at when others take their place."""
    target = Target("one_place")
    target.expect("ready")
    for turn in range(4):
        attached = Attached(target.pid, "one_place", "--duration=0.3")
        check("one_place", f"attach {turn}", attached.wait() == 0, attached.said)
    seen = attached.sizes()
    check("one_place", "blocks of 7007", seen[7007] > 100, seen[7007])
    target.go_on()
    target.expect("done")
    check("one_place", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_killed_any_time(n=40):
    """The recorder is killed while it puts the agent in, or soon after."""
    for turn in range(n):
        target = Target("one_place")
        target.expect("ready")
        attached = Attached(target.pid, "killed_any_time")
        time.sleep(turn % 40 * 0.0015 + turn * 1e-6)
        attached.process.kill()
        attached.process.communicate()
        time.sleep(0.01)
        target.go_on()
        target.process.wait(10)
        if target.process.returncode != 0:
            break
        target.end()
    check("killed_any_time", f"the target ends well, {turn + 1} times",
          target.process.returncode == 0, (turn, target.process.returncode))


def case_target_ends():
    target = Target("known")
    target.expect("ready")
    attached = Attached(target.pid, "target_ends").wait_until_recording()
    target.go_on()
    target.expect("done")
    target.go_on()
    target.process.wait(10)
    check("target_ends", "the recording ends", attached.wait() == 0, attached.said)
    check("target_ends", "70 blocks of 77777", attached.sizes()[77777] == 70, attached.said)
    target.end()


def case_interrupt():
    target = Target("known")
    target.expect("ready")
    attached = Attached(target.pid, "interrupt").wait_until_recording()
    attached.process.send_signal(signal.SIGINT)
    check("interrupt", "Ctrl-C ends the recording well", attached.wait() == 0, attached.said)
    check("interrupt", "nothing leads into the agent", words_into_agent(target.pid) == 0)
    target.end()


def case_twice():
    target = Target("known")
    target.expect("ready")
    attached = Attached(target.pid, "twice").wait_until_recording()
    second = Attached(target.pid, "twice2")
    check("twice", "the second is refused", second.wait() == 1, second.said)
    check("twice", "in one sentence", re.search("already", second.said) is not None
          and second.said.count("\n") == 1, second.said)
    check("twice", "no file is left", not os.path.exists(second.trace))
    check("twice", "the first goes on", attached.detach() == (0, 0), attached.said)
    target.end()


if __name__ == "__main__":
    sys.exit(run(globals()))
