# SPDX-License-Identifier: GPL-3.0-or-later
"""What record and attach can be asked for, each held against a program that is known: limits, what
is left out, the index, exit statuses, the last words, and who may record whom.

Usage: check_options.py HEAPSTRATA STEPS CIRCLE SCRATCH
"""
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, STEPS, CIRCLE, SCRATCH = [os.path.abspath(argument) for argument in sys.argv[1:5]]
os.environ["XDG_RUNTIME_DIR"] = RUNTIME = os.path.join(SCRATCH, "run-options")
os.makedirs(os.path.join(RUNTIME, "heapstrata"), mode=0o700, exist_ok=True)
PYTHON = "/usr/bin/python3"
# 60,000 blocks of 600 to 1,299 bytes, every other one freed, and a storm of reallocations
MANY = """
x = [bytearray(i % 700 + 600) for i in range(60000)]
del x[::2]
y = [bytearray(100) for i in range(2000)]
for b in y:
    for i in range(4):
        b.extend(bytes(300 * (i + 1)))
"""
results = Results()
check = results.check


def run(*arguments, **options):
    return subprocess.run([HEAPSTRATA, *arguments], capture_output=True, text=True, timeout=120,
                          check=False, **options)


def path_of(name):
    path = os.path.join(SCRATCH, "options-" + name)
    if os.path.exists(path):
        os.unlink(path)
    return path


def summary(path):
    return json.loads(run("summary", "--json", path).stdout)


def duration():
    path, end = path_of("duration.hst"), path_of("duration-end")
    begun = time.monotonic()
    # the program keeps its outputs: what the recorder says goes to a file
    with open(path_of("duration-words"), "w+", encoding="utf-8") as words:
        done = subprocess.run([HEAPSTRATA, "record", "-o", path, "--duration", "300ms", "--", "sh",
                               "-c", f"sleep 2; touch {shlex.quote(end)}"], stderr=words,
                              timeout=60, check=False)
        words.seek(0)
        said = words.read()
    took = time.monotonic() - begun
    check("duration: the recording ends, the program does not", done.returncode == 0 and
          took < 1.9 and not os.path.exists(end), (took, said))
    check("duration: as told", re.search(r"recorded (3\d\d|[4-9]\d\d)[.\d]* ms", said), said)
    deadline = time.monotonic() + 30
    while not os.path.exists(end) and time.monotonic() < deadline:
        time.sleep(0.05)
    check("duration: the program goes on to its end", os.path.exists(end))
    check("duration: nonsense", run("record", "--duration", "soon", "--", "true").returncode == 125)


def max_size():
    path = path_of("size.hst")
    done = run("record", "-o", path, "--max-size", "200K", "--", CIRCLE, "60", "20000")
    whole = path_of("size-whole.hst")
    run("record", "-o", whole, "--", CIRCLE, "60", "20000")
    size = os.path.getsize(path)
    check("size: the file has at least what was allowed, and not everything",
          200 * 1024 <= size < os.path.getsize(whole), (size, os.path.getsize(whole), done.stderr))
    check("size: it is sound", summary(path)["totals"]["unmatched_frees"] == 0)


def sizes(path, options):
    """Steps: 100, 150 and 200 bytes; 100 and 200 are freed."""
    done = subprocess.run([HEAPSTRATA, "record", "-o", path, *options, "--", STEPS],
                          input="100\n150\n200\n-100\n-200\n", capture_output=True, text=True,
                          timeout=60, check=False)
    lines = run("dump", "--json", "--limit=0", path).stdout.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return done, [event["size"] for event in events if event["kind"] == "alloc"
                  and event["size"] in (100, 150, 200)], events


def min_block():
    for extension in ("hst", "etl"):
        path = path_of("min." + extension)
        done, found, events = sizes(path, ["--min-block", "150"])
        check(f"min-block, {extension}", done.returncode == 7 and found == [150, 200], found)
        said = run("findings", path).stdout + "".join(
            event["text"] for event in events if event["kind"] == "mark")
        check(f"min-block, {extension}: the file says so", "smaller than 150 bytes" in said, said)


def small_bytes(path):
    """Of the many blocks that MANY is about: a few large ones would decide the sum of all."""
    lines = run("dump", "--json", "--limit=0", path).stdout.splitlines()
    events = [json.loads(line) for line in lines if '"alloc"' in line]
    return sum(event["size"] for event in events if event["size"] < 4000)


def sample():
    environment = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="0")
    whole = path_of("whole.hst")
    run("record", "-o", whole, "--", PYTHON, "-c", MANY, env=environment)
    wanted = {**summary(whole)["totals"], "small": small_bytes(whole)}
    check("not sampled unless asked", "sampled" not in run("findings", whole).stdout)
    for extension in ("hst", "etl"):
        path = path_of("sampled." + extension)
        done = run("record", "-o", path, "--sample", "8", "--", PYTHON, "-c", MANY, env=environment)
        found = {**summary(path)["totals"], "small": small_bytes(path)}
        label = f"sample, {extension}: "
        for name in ("opened", "live_count", "small"):
            ratio = found[name] * 8 / wanted[name] if wanted[name] else found[name] == 0
            check(label + name, 0.7 < ratio < 1.4, (found[name], wanted[name]))
        check(label + "every free is of a recorded block", found["unmatched_frees"] == 0 and
              found["duplicate_allocs"] == 0, found)
        lines = run("dump", "--json", "--limit=0", path).stdout.splitlines()
        marks = [json.loads(line)["text"] for line in lines if '"mark"' in line]
        check(label + "the file says so", "one block in 8" in run("findings", path).stdout +
              "".join(marks), marks)
        check(label + "the user is told", "one block in 8" in done.stderr, done.stderr)
    check("sample: a smaller file", os.path.getsize(whole) > 4 * os.path.getsize(
        os.path.join(SCRATCH, "options-sampled.hst")))
    check("sample: nonsense", run("record", "--sample", "-3", "--", "true").returncode == 125)


def too_many_samples():
    """What is chosen is remembered up to 262,144 blocks at a time; the others are told of."""
    environment = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="0")
    program = [PYTHON, "-c", "x = [object() for i in range(400000)]"]
    path = path_of("all-samples.hst")
    run("record", "-o", path, "--", *program, env=environment)

    def blocks(found):  # all end before the program does
        return (found["totals"]["allocs"] + found["totals"]["frees"] + found["lost_events"]) / 2

    wanted = blocks(summary(path))
    for extension in ("hst", "etl"):
        path = path_of("many-samples." + extension)
        done = run("record", "-o", path, "--sample", "2", "--", *program, env=environment)
        label = f"too many samples, {extension}: "
        told = re.search(r"([\d,]+) sampled blocks were not recorded", done.stderr)
        n = int(told[1].replace(",", "")) if told else 0
        found = summary(path)
        check(label + "the rest is counted", n > 1000 and
              0.98 < 2 * (n + blocks(found)) / wanted < 1.02,
              (n, found["totals"], wanted))
        check(label + "they belong to no thread, and are no loss",
              "further threads" not in done.stderr and
              (found["gaps"] > 0) == (found["lost_events"] > 0) and
              found["totals"]["unmatched_frees"] == found["totals"]["duplicate_allocs"] == 0,
              (done.stderr, found["totals"]))
        lines = run("dump", "--json", "--limit=0", "--kind=mark", path).stdout
        said = run("findings", "--json", path).stdout + lines
        check(label + "the file says so", f"{n} blocks that sampling had chosen" in said, said)


def index():
    path, plain = path_of("index.hst"), path_of("no-index.hst")
    run("record", "-o", path, "--index", "--", CIRCLE, "3", "2000")
    with_index = os.path.getsize(path)
    first = run("dump", "--limit=0", path).stdout
    whole = summary(path)
    damaged = path_of("damaged.hst")
    with open(path, "rb") as file:
        content = bytearray(file.read())
    check("index: taken away", run("index", "--remove", path).returncode == 0)
    content[os.path.getsize(path) // 2] ^= 1
    check("index: it was there", os.path.getsize(path) < with_index, with_index)
    check("index: and says the same", run("dump", "--limit=0", path).stdout == first and
          summary(path) == whole)
    # one bit among the events: who reads them notices, who opens by the index does not look
    with open(damaged, "wb") as file:
        file.write(content)
    check("index: opened by it, the events are not read", summary(damaged) == whole)
    run("index", "--remove", damaged)
    check("index: without it, they are", summary(damaged)["totals"] != whole["totals"])
    run("record", "-o", plain, "--", CIRCLE, "3", "2000")
    size = os.path.getsize(plain)
    run("index", "--remove", plain)
    check("index: not unless asked", os.path.getsize(plain) == size)


def last_words():
    for code, script in ((0, "exit 0"), (9, "exit 9"), (143, "kill -TERM $$")):
        path = path_of("status.hst")
        done = run("record", "-o", path, "--", "sh", "-c", script)
        check(f"exit status {code}", done.returncode == code, (done.returncode, done.stderr))
    script = path_of("no program")
    with open(script, "w", encoding="utf-8") as file:
        file.write("x")
    for code, name in ((127, "/no/such/program"), (126, script)):
        path = path_of("nothing.hst")
        done = run("record", "-o", path, "--", name)
        check(f"exit status {code}", done.returncode == code and not os.path.exists(path),
              (done.returncode, done.stderr))
    path = path_of("two words $x.hst")
    done = run("record", "-o", path, "--", "true")
    words = [line.split(": ", 2)[2] for line in done.stderr.splitlines() if "look at it" in line]
    check("the next command, exactly", len(words) == 1 and
          shlex.split(words[0]) == ["heapstrata-viewer", path], done.stderr)
    check("the totals", "allocations" in done.stderr and "frees" in done.stderr, done.stderr)


def one_recorder():
    target = subprocess.Popen([STEPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(target.stdout.readline())
    address = os.path.join(RUNTIME, "heapstrata", str(pid))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stale:
        stale.bind(address)
    path = path_of("attached.hst")
    first = subprocess.Popen([HEAPSTRATA, "attach", "-o", path, str(pid)], stderr=subprocess.PIPE,
                             text=True)
    deadline = time.monotonic() + 30
    is_answered = False
    while not is_answered and first.poll() is None and time.monotonic() < deadline:
        is_answered = run("mark", str(pid), "hello").returncode == 0
        time.sleep(0.02)
    if first.poll() is not None and "ptrace" in first.stderr.read():
        results.skip("a second recorder", "this machine does not let us attach")
        target.kill()
        return
    check("the socket of one who is gone is replaced", is_answered)
    other = path_of("second.hst")
    second = run("attach", "-o", other, "--duration", "1", str(pid))
    check("a second recorder is refused in one sentence", second.returncode == 1 and
          len(second.stderr.splitlines()) == 1 and not os.path.exists(other), second.stderr)
    check("and leaves the first one's socket", run("mark", str(pid), "still").returncode == 0)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    check("the first one ends well", first.returncode == 0 and not os.path.exists(address))
    target.communicate("5\n", timeout=60)
    check("and the program goes on", target.returncode == 7)


def main():
    for part in (duration, max_size, min_block, sample, too_many_samples, index, last_words,
                 one_recorder):
        part()
    return results.end()


sys.exit(main())
