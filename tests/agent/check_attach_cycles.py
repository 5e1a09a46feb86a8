# SPDX-License-Identifier: GPL-3.0-or-later
"""Attaches to a busy process again and again: it must live, stay as fast as it was, and hold no
more memory, mappings and descriptors than after the first times. Then what a recording that is
switched off costs, and how soon it is on again.

Usage: check_attach_cycles.py HEAPSTRATA TARGET MODULE SCRATCH [CASE…]; cycles=1000 makes so many.
"""
import os
import re
import signal
import socket
import statistics
import sys
import time

from attaching import Attached, Target, check, mappings, n_descriptors, run, words_into_agent

MOST_OFF_NS = 2.0  # an event, more than without an agent (PERFORMANCE.md 7, goal 6)
MOST_STILL_MS = 12.0  # goal 7
MOST_SWITCH_MS = 1.0  # goal 7
SLOWER = 1.10  # what counts as slower than before
MEASUREMENTS = 40  # of some 20 ms
FEWEST = 8
MOST_TRIES = 5
RINGS = 256
RING_KB = 440  # what its thread keeps at most: struct agent_thread, in whole pages


def pair_ns(target):
    """What an allocation and its release cost the target now."""
    target.process.stdin.write(b"m")
    target.process.stdin.flush()
    return float(target.expect("pair").split()[1])


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def least_ns(target, enough=0.0, rounds=MEASUREMENTS):
    """The least of some measurements, or the first that is little enough: what stands in the way of
    every call is in all of them, while the machine is slower at some times than at others."""
    least = pair_ns(target)
    for _ in range(rounds):
        if least <= enough:
            break
        least = min(least, pair_ns(target))
    return least


def least_of_both(target, twin):
    """The least that each of two processes takes, measured in turn while the other one stands:
    when the machine becomes slower it does so for both."""
    least = {target: float("inf"), twin: float("inf")}
    for turn in range(MEASUREMENTS):
        for one, other in ((target, twin), (twin, target)):
            os.kill(other.pid, signal.SIGSTOP)
            least[one] = min(least[one], pair_ns(one))
            os.kill(other.pid, signal.SIGCONT)
        if turn >= FEWEST and least[target] <= least[twin] * SLOWER:
            break
    return least[target], least[twin]


def still_ms(said):
    """What the recorder says of its longest stop."""
    found = re.search(r"stood still for ([0-9.]+) (us|ms|s) at most", said)
    return float(found[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[found[2]]


def case_cycles(n=50):
    target = Target("busy", "2")
    target.expect("ready")
    sizes, stills, begin, longest = [], [], time.monotonic(), 0.0
    for turn in range(n):
        began = time.monotonic()
        attached = Attached(target.pid, "cycles", "--duration=0.02")
        status = attached.wait()
        longest = max(longest, time.monotonic() - began)
        if status != 0 or target.process.poll() is not None:
            check("cycles", f"attach {turn}", False, (attached.said, target.process.poll()))
            break
        stills.append(still_ms(attached.said))
        sizes.append((len(mappings(target.pid)), n_descriptors(target.pid),
                      resident_kb(target.pid)))
    seconds = time.monotonic() - begin
    print(f"# {n} cycles in {seconds:.1f} s, the longest {longest:.2f} s; mappings, descriptors, "
          f"kB after the first {sizes[:1]}, in the middle {sizes[n // 2:n // 2 + 1]}, after the "
          f"last {sizes[-1:]}")
    check("cycles", f"{n} attaches and detaches", len(sizes) == n, len(sizes))
    still = statistics.median(stills)
    print(f"# it stood still for {still:.2f} ms (median), at most {max(stills):.1f} ms")
    # on a machine with other work its threads wait for a processor before they can be stopped
    check("cycles", f"can be left standing for at most {MOST_STILL_MS} ms",
          min(stills) <= MOST_STILL_MS, stills)
    # the threads of the newest recording are remembered until the next: those vary
    early = [min(column) for column in zip(*sizes[n // 4:n // 2])]
    late = [min(column) for column in zip(*sizes[-n // 4:])]
    most = [max(column) for column in zip(*sizes)]
    check("cycles", "mappings do not grow", late[0] <= early[0] * 1.2 + 20
          and most[0] <= sizes[0][0] + 3 * RINGS, sizes)
    check("cycles", "descriptors do not grow", most[1] <= sizes[0][1], sizes)
    check("cycles", "memory does not grow", late[2] <= early[2] * 1.2 + 8192
          and most[2] <= sizes[0][2] + RINGS * RING_KB, sizes)
    check("cycles", "nothing leads into the agent", words_into_agent(target.pid) == 0)
    twin = Target("busy", "2")
    twin.expect("ready")
    after, native = least_of_both(target, twin)
    twin.end()
    print(f"# an allocation and its release: {after:.2f} ns, without ever an agent {native:.2f} ns")
    check("cycles", "no slow-down is left behind", after <= native * SLOWER, (native, after))
    target.go_on()
    target.expect("done")
    check("cycles", "the target ends well", target.process.wait(20) == 0)
    target.end()


def ask(pid, request):
    folder = os.environ.get("XDG_RUNTIME_DIR")
    folder = f"{folder}/heapstrata" if folder else f"/tmp/heapstrata-{os.getuid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.connect(f"{folder}/{pid}")
        asking.sendall(request.encode())
        return asking.recv(8192).decode()


def measure_off():
    """Of a process of its own: what two calls cost at first, recorded, paused and detached; how
    long pausing and going on take."""
    target = Target("busy", "0")
    target.expect_waiting("ready")
    native = least_ns(target, rounds=FEWEST)
    attached = Attached(target.pid, "off").wait_until_recording()
    recorded = pair_ns(target)
    switches = []
    for request in ["pause", "resume"] * 20:
        begin = time.monotonic()
        answer = ask(target.pid, request)
        switches.append((time.monotonic() - begin) * 1e3)
        if not answer.startswith("ok"):
            check("off", request, False, answer)
        time.sleep(0.01)
    ask(target.pid, "pause")
    off = least_ns(target, native + 2 * MOST_OFF_NS)
    check("off", "detach", attached.detach() == (0, 0), attached.said)
    detached = least_ns(target, native * SLOWER)
    target.end()
    added = (off - native) / 2
    switch = statistics.median(switches)
    print(f"# ns for two calls: native {native:.2f}, recorded {recorded:.2f}, paused {off:.2f}, "
          f"detached {detached:.2f}; paused costs {added:.2f} ns an event; on or off again takes "
          f"{switch:.3f} ms (median of {len(switches)}, the longest {max(switches):.1f})")
    return added, detached / native, switch


def case_off():
    """What is left of the cost while paused, and after the detach; how long on and off take. The
    machine may have become slower since the first measurement: what costs costs every time."""
    for _ in range(MOST_TRIES):
        added, slower, switch = measure_off()
        if added <= MOST_OFF_NS and slower <= SLOWER and switch <= MOST_SWITCH_MS:
            break
    check("off", f"attached and paused costs at most {MOST_OFF_NS} ns an event",
          added <= MOST_OFF_NS, added)
    check("off", "detached costs nothing", slower <= SLOWER, slower)
    check("off", f"on and off again within {MOST_SWITCH_MS} ms", switch <= MOST_SWITCH_MS, switch)


if __name__ == "__main__":
    sys.exit(run(globals()))
