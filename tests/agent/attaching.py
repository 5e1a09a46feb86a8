# SPDX-License-Identifier: GPL-3.0-or-later
"""What the check_attach programs share: a target, `heapstrata attach` at work, what the target's
memory holds, and running the cases.

All of them are called with the same arguments: HEAPSTRATA TARGET MODULE SCRATCH [CASE…]. A case is
a function case_NAME; NAME=NUMBER hands it that number.
"""
import collections
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, TARGET, MODULE, SCRATCH = sys.argv[1:5]
WANTED = sys.argv[5:]
results = Results()


def check(case, what, is_right, found=""):
    results.check(f"{case}: {what}", is_right, found)


def wait_until_sleeping(pid):
    for _ in range(1000):
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "S":
                break
        time.sleep(0.002)


class Target:
    """A program that waits to be attached to."""

    def __init__(self, *arguments, program=TARGET, **variables):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, **variables})
        self.pid = self.process.pid

    def expect(self, word):
        line = self.process.stdout.readline().decode().strip()
        if line.split(" ")[0] != word:
            raise AssertionError(f"the target said “{line}” instead of “{word}”")
        return line

    def expect_waiting(self, word):
        """Until it waits for us: before, the loader may still fill in a slot on its way there."""
        self.expect(word)
        wait_until_sleeping(self.pid)

    def go_on(self):
        self.process.stdin.write(b"x")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Attached:
    """`heapstrata attach` at work."""

    def __init__(self, pid, name, *options):
        self.trace = os.path.join(SCRATCH, f"attach-{name}.hst")
        if os.path.exists(self.trace):
            os.remove(self.trace)
        self.pid = pid
        command = [HEAPSTRATA, "attach", "-o", self.trace, *options, str(pid)]
        self.process = subprocess.Popen(command,
                                        stderr=subprocess.PIPE, text=True)
        self.said = ""

    def wait_until_recording(self):
        """The recorder answers before the slots are hooked: what counts is that they are."""
        for _ in range(2000):
            if self.process.poll() is not None or is_hooked(self.pid):
                break
            time.sleep(0.005)
        return self

    def detach(self):
        asked = subprocess.run([HEAPSTRATA, "detach", str(self.pid)], capture_output=True,
                               text=True, timeout=60)
        return asked.returncode, self.wait()

    def wait(self):
        self.said = self.process.communicate(timeout=120)[1]
        return self.process.returncode

    def dump(self):
        dump = subprocess.run([HEAPSTRATA, "dump", "--json", "--limit=0", self.trace],
                              capture_output=True, text=True, timeout=120)
        assert dump.returncode == 0, dump.stderr
        return [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]

    def sizes(self):
        seen = collections.Counter()
        for event in self.dump():
            if event["kind"] == "alloc" or (event["kind"] == "realloc"
                                            and event["address"] == event["old_address"]):
                seen[event["size"]] += 1
        return seen

    def findings(self):
        done = subprocess.run([HEAPSTRATA, "findings", "--json", self.trace], capture_output=True,
                              text=True, timeout=60)
        return json.loads(done.stdout)["findings"]


def mappings(pid):
    with open(f"/proc/{pid}/maps") as file:
        return file.read().splitlines()


def agent_base(pid):
    for line in mappings(pid):
        if line.endswith("/memfd:heapstrata-agent (deleted)"):
            return int(line.split("-")[0], 16)
    return None


def agent_range(pid):
    lines = [line for line in mappings(pid) if "memfd:heapstrata-agent" in line]
    if not lines:
        return None
    return int(lines[0].split("-")[0], 16), int(lines[-1].split(" ")[0].split("-")[1], 16)


def words_into_agent(pid):
    """How many words of the program's and libraries' data lead into the agent."""
    found = agent_range(pid)
    if found is None:
        return 0
    count = 0
    for address, data in file_memory(pid).items():
        words = memoryview(data[:len(data) // 8 * 8]).cast("Q")
        count += sum(found[0] <= word < found[1] for word in words)
    return count


def is_hooked(pid):
    return words_into_agent(pid) > 0


def file_memory(pid, protected_only=False):
    """What is mapped from files and can differ from them: data, and what the loader protected."""
    ret = {}
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in mappings(pid):
            fields = line.split()
            if len(fields) < 6 or not fields[5].startswith("/") or "memfd:" in line \
                    or "x" in fields[1]:
                continue
            begin, end = (int(x, 16) for x in fields[0].split("-"))
            if protected_only and "w" in fields[1]:
                continue
            if "w" not in fields[1] and end - begin > 1 << 20:
                continue  # tables that nobody writes to
            try:
                memory.seek(begin)
                ret[begin] = memory.read(end - begin)
            except OSError:
                pass
    return ret


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def check_left_alone(case, pid, before, protected_only=False):
    """After a detach: memory as before byte for byte, no word into the agent. Of a program that
    has run meanwhile only what it cannot write to itself."""
    after = file_memory(pid, protected_only)
    differing = [hex(at + i) for at, data in before.items()
                 for i in range(0, len(data), 8) if data[i:i + 8] != after.get(at, b"")[i:i + 8]]
    check(case, "slots as before, byte for byte", not differing, differing[:20])
    check(case, "nothing leads into the agent", words_into_agent(pid) == 0, words_into_agent(pid))


def give_up(*_):
    raise TimeoutError("nothing came")


def run(functions):
    signal.signal(signal.SIGALRM, give_up)
    cases = {name[5:]: function for name, function in functions.items()
             if name.startswith("case_")}
    names = WANTED or cases
    for name in names:
        case, _, number = name.partition("=")
        begin = time.monotonic()
        signal.alarm(3000 if number else 500)
        try:
            cases[case](*([int(number)] if number else []))
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError) as error:
            check(case, type(error).__name__, False, error)
        print(f"# {name}: {time.monotonic() - begin:.1f} s")
    return results.end()

