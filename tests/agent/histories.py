# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program did with its heap, as a list that the lists of other tools are compared with, and
small deterministic programs to do so. No program of its own: check_valgrind.py and
check_heaptrack_counts.py use it."""
import collections
import itertools
import json
import os
import shutil
import subprocess

WINDOW = 12  # equal steps in a row prove that two lists are together again

Totals = collections.namedtuple("Totals", "allocs frees bytes left_bytes left_blocks")


class History:
    """What happened, in order: ("alloc", number, size), ("resize", number, size),
    ("free", number). A block keeps its number when it is resized."""

    def __init__(self):
        self.steps = []
        self.notes = []  # of each step: where it came from, for explanations
        self.numbers = {}  # of live addresses
        self.sizes = []
        self.unknown = 0
        self.failed = []  # sizes that resizes asked for in vain

    def alloc(self, address, size, note):
        self.numbers[address] = len(self.sizes)
        self.steps.append(("alloc", len(self.sizes), size))
        self.sizes.append(size)
        self.notes.append(note)

    def free(self, address, note):
        number = self.numbers.pop(address, None)
        if number is None:
            self.unknown += 1
            return
        self.steps.append(("free", number))
        self.notes.append(note)

    def resize(self, old, address, size, note):
        number = self.numbers.pop(old, None)
        if number is None:
            self.unknown += 1
            return
        self.numbers[address] = number
        self.steps.append(("resize", number, size))
        self.sizes[number] = size
        self.notes.append(note)

    def totals(self):
        """As memcheck counts: a resize is one allocation and one free."""
        bytes_seen = sum(step[2] for step in self.steps if step[0] != "free")
        frees = sum(step[0] != "alloc" for step in self.steps)
        allocs = sum(step[0] != "free" for step in self.steps)
        left = [self.sizes[number] for number in self.numbers.values()]
        return Totals(allocs, frees, bytes_seen, sum(left), len(left))


def our_events(heapstrata, path):
    dump = subprocess.run([heapstrata, "dump", "--json", "--limit=0", path], capture_output=True,
                          text=True, check=True)
    return [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]


def our_history(heapstrata, path):
    events = our_events(heapstrata, path)
    stacks = {event["slot"]: event["frames"] for event in events if event["kind"] == "stack"}
    steps = [event for event in events if event["kind"] in ("alloc", "free", "realloc")]
    history = History()
    skip = 0
    for at, event in enumerate(steps):
        note = stacks.get(event.get("stack"))
        if skip:
            skip -= 1
        elif (event["kind"] == "alloc" and at + 2 < len(steps)
              and steps[at + 1]["kind"] == "free" and steps[at + 2]["kind"] == "realloc"
              and steps[at + 2]["address"] == event["address"]
              and steps[at + 2]["old_address"] == steps[at + 1].get("address")):
            skip = 2  # a block that moved: allocated, freed, summed up
            history.resize(steps[at + 1]["address"], event["address"], event["size"], note)
        elif event["kind"] == "alloc":
            history.alloc(event["address"], event["size"], note)
        elif event["kind"] == "free":
            history.free(event["address"], note)
        else:
            history.resize(event["old_address"], event["address"], event["size"], note)
    return history, [event for event in events if event["kind"] == "module"]


def shape(history, at):
    """A step without numbers, which may be off by blocks that only one side has."""
    step = history.steps[at]
    return step[0], step[2] if step[0] != "free" else None


def differences(ours, theirs):
    """Where they differ: (our position, their position, steps only ours, steps only theirs)."""
    a, b = ([shape(history, at) for at in range(len(history.steps))] for history in (ours, theirs))
    i = j = 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b) and a[i] == b[j]:
            i, j = i + 1, j + 1
            continue
        only_ours, only_theirs = resync(a[i:], b[j:])
        yield i, j, only_ours, only_theirs
        i, j = i + only_ours, j + only_theirs


def resync(a, b):
    """How many steps to leave out of each, so that they go on alike."""
    for total in range(1, min(len(a) + len(b), 2000) + 1):
        for n in range(max(0, total - len(b)), min(total, len(a)) + 1):
            if a[n:n + WINDOW] == b[total - n:total - n + WINDOW]:
                return n, total - n
    return len(a), len(b)


def where(modules, frame):
    frame = int(frame, 16)
    for module in modules:
        base = int(module["base"], 16)
        if base <= frame < base + module["size"]:
            return "%s+%x" % (os.path.basename(module["path"]), frame - base)
    return hex(frame)


def tell(ours, theirs, modules):
    """The first differences, with the stacks of our side."""
    lines = []
    if len(ours.steps) == len(theirs.steps):
        pairs = [pair for pair in zip(ours.steps, theirs.steps) if pair[0] != pair[1]]
        lines.append(f"{len(pairs)} steps differ: {pairs[:5]}")
    for i, j, a, b in itertools.islice(differences(ours, theirs), 5):
        lines.append(f"from step {i} of ours, {j} of theirs:")
        for step, note in list(zip(ours.steps, ours.notes))[i:i + a][:5]:
            lines.append(f"  only ours: {step} {[where(modules, at) for at in note or []][:6]}")
        for step, note in list(zip(theirs.steps, theirs.notes))[j:j + b][:5]:
            lines.append(f"  only theirs: {step} {note}")
    return "\n".join(lines)


PYTHON = """
import ast, json, re
for _ in range(%d):
    tree = ast.parse("\\n".join("def f%%d(a):\\n    return [a * k for k in range(9)]" %% i
                               for i in range(30)))
    json.loads(json.dumps([{"id": i, "tags": [str(i * k) for k in range(6)]} for i in range(99)]))
    compile(tree, "x", "exec")
"""
SQL = """
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)
INSERT INTO t SELECT i, printf('name-%%d-%%s', i*7919 %% 100003, hex(i*31)), i %% 1000 FROM n;
CREATE INDEX ia ON t(a);
SELECT count(*), max(length(x)) FROM (SELECT b, group_concat(a, '|') x FROM t GROUP BY b);
"""
PERL = ("my %%h; for my $i (1..%d)"
        " { $h{$i} = [split /,/, join ',', 1..9]; $h{$i}->[3] .= 'x' x $i; }")
BASH = ("for i in {1..%d}; do a[$i]=${i}x${a[$((i - 1))]:0:40}; done;"
        " case ${a[9]} in 9x*) f () { echo $1; }; f ${a[@]};; esac")


def write(scratch, name, text):
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def quiet_folder(scratch):
    """To run in: Python reads the current folder again whenever something in it has changed."""
    path = os.path.join(scratch, "quiet")
    os.makedirs(path, exist_ok=True)
    return path


def make_repository(path, n):
    shutil.rmtree(path, ignore_errors=True)
    git = ["git", "-C", path, "-c", "user.name=a", "-c", "user.email=b"]
    run_quietly = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["git", "init", "-q", path], **run_quietly)
    for i in range(n):
        write(path, f"file{i}", "".join(f"{k * i}\n" for k in range(500)))
        subprocess.run(git + ["add", "."], **run_quietly)
        subprocess.run(git + ["commit", "-q", "-m", f"number {i}"], **run_quietly)
    return path


