# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that cannot be attached to: one sentence each, and the process is left as it was.

Usage: check_attach_refusals.py HEAPSTRATA TARGET MODULE SCRATCH [CASE…]. Programs of other kinds
(32-bit, static, another C library) are made by hand, a few bytes each, so that no other compiler is
needed. What cannot be made to happen on this machine is skipped, and says so.
"""
import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

from attaching import (HEAPSTRATA, SCRATCH, TARGET, Target, check, file_memory, mappings, results,
                       run, wait_until_sleeping)

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
POWERLESS = ["setpriv", "--bounding-set=-sys_ptrace"]  # root without the right to trace
PTRACE_SEIZE = 0x4206


def memory_of(pid):
    """What must not change; of processes that nobody may look into, nothing."""
    try:
        return mappings(pid), file_memory(pid)
    except OSError:
        return None


def refused(case, pid, words, prefix=(), environment=()):
    """One sentence with these words in it, no file, and the process as it was."""
    trace = os.path.join(SCRATCH, "attach-refused.hst")
    if prefix:  # another user cannot write where we can
        trace = f"/tmp/attach-refused-{os.getpid()}.hst"
    before = memory_of(pid)
    done = subprocess.run([*prefix, HEAPSTRATA, "attach", "--duration=0.1", "-o", trace, str(pid)],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, **dict(environment)})
    check(case, f"refused with “{words}”", done.returncode == 1 and words in done.stderr
          and done.stderr.count("\n") == 1, (done.returncode, done.stderr))
    check(case, "no file is written", not os.path.exists(trace))
    check(case, "the process is as it was", memory_of(pid) == before)


def skip(case, why):
    results.skip(case, why)


def can_be_nobody():
    """Root, and another user can reach the build folder."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    return subprocess.run([*NOBODY, HEAPSTRATA, "--version"], capture_output=True,
                          timeout=60).returncode == 0


# ---- programs made by hand -----------------------------------------------------------------------

PAUSE_64 = bytes.fromhex("b822000000" "0f05" "ebf7")  # pause, for ever
PAUSE_32 = bytes.fromhex("b81d000000" "cd80" "ebf7")


def make_elf64(name, code, interpreter=b""):
    """A header, a segment with everything, and the name of an interpreter."""
    n_parts = 2 if interpreter else 1
    code_at = 64 + 56 * n_parts
    name_at = code_at + len(code)
    size = name_at + len(interpreter)
    base = 0x10000000 if name.startswith("ld-") else 0x400000
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, base + code_at, 64, 0, 0,
                       64, 56, n_parts, 0, 0, 0)
    parts = b""
    if interpreter:
        parts += struct.pack("<IIQQQQQQ", 3, 4, name_at, base + name_at, base + name_at,
                             len(interpreter), len(interpreter), 1)
    parts += struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    return write_program(name, head + parts + code + interpreter)


def make_elf32(name, code):
    base, code_at = 0x400000, 52 + 32
    size = code_at + len(code)
    head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, base + code_at, 52, 0, 0,
                       52, 32, 1, 0, 0, 0)
    return write_program(name, head + struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5,
                                                  4096) + code)


def write_program(name, content):
    path = os.path.join(SCRATCH, name)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)
    return path


def start(case, path):
    """A program that sleeps for ever; None when this machine does not run it."""
    try:
        process = subprocess.Popen([path], stdin=subprocess.DEVNULL)
    except OSError as error:
        skip(case, f"this machine does not run it: {error.strerror}")
        return None
    time.sleep(0.1)
    if process.poll() is not None:
        skip(case, f"this machine does not run it: status {process.returncode}")
        return None
    return process


def end(process):
    process.kill()
    process.wait()


def refused_program(case, path, words):
    process = start(case, path)
    if process:
        refused(case, process.pid, words)
        check(case, "it runs on", process.poll() is None)
        end(process)


# ---- cases ---------------------------------------------------------------------------------------

def case_wrong_pid():
    refused("wrong_pid", 2 ** 22 + 1, "there is no process")
    target = Target("busy")
    target.expect("ready")
    time.sleep(0.1)
    other = [int(tid) for tid in os.listdir(f"/proc/{target.pid}/task") if int(tid) != target.pid]
    done = subprocess.run([HEAPSTRATA, "attach", "--duration=0.1", str(other[0])],
                          capture_output=True, text=True, timeout=60)
    check("wrong_pid", "a thread is no process", done.returncode == 1
          and "is a thread" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    target.end()


def case_zombie():
    process = subprocess.Popen(["true"])
    for _ in range(500):
        with open(f"/proc/{process.pid}/stat") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                break
        time.sleep(0.01)
    refused("zombie", process.pid, "has ended already")
    process.wait()


def case_itself():
    done = subprocess.run(["sh", "-c", 'exec "$0" attach -o "$1" $$', HEAPSTRATA,
                           os.path.join(SCRATCH, "attach-itself.hst")],
                          capture_output=True, text=True, timeout=60)
    check("itself", "refused in one sentence", done.returncode == 1
          and "is heapstrata itself" in done.stderr and done.stderr.count("\n") == 1, done.stderr)


def case_kernel_thread():
    try:
        with open("/proc/2/comm") as file:
            is_kernels = file.read().strip() == "kthreadd"
    except OSError:
        is_kernels = False
    if not is_kernels or os.geteuid() != 0:
        skip("kernel_thread", "none is seen from here, or it is another user's")
        return
    refused("kernel_thread", 2, "is a thread of the kernel")


def case_other_user():
    if not can_be_nobody():
        skip("other_user", "not root, or another user cannot reach the build folder")
        return
    target = Target("known")
    target.expect_waiting("ready")
    refused("other_user", target.pid, "belongs to another user", NOBODY)
    refused("other_user", 1, "belongs to another user", NOBODY)
    target.end()


def nobodys_target(*arguments, prefix=()):
    process = subprocess.Popen([*prefix, *NOBODY, TARGET, *arguments], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    process.stdout.readline()
    wait_until_sleeping(process.pid)
    return process


def case_undumpable():
    """The same user, but ptrace says EPERM."""
    if not can_be_nobody():
        skip("undumpable", "not root, or another user cannot reach the build folder")
        return
    process = nobodys_target("undumpable")
    refused("undumpable", process.pid, "is protected", NOBODY)
    refused("undumpable", process.pid, "needs CAP_SYS_PTRACE", POWERLESS)
    end(process)


def case_ptrace_scope():
    """The sentence for Yama, whose setting is shown to the recorder only."""
    if not can_be_nobody() or not shutil.which("unshare"):
        skip("ptrace_scope", "not root, or another user cannot reach the build folder")
        return
    for scope, words in ("1", "kernel.yama.ptrace_scope restricts it"), \
                        ("3", "kernel.yama.ptrace_scope = 3 forbids it"):
        folder = os.path.join(SCRATCH, "fake-kernel-settings")
        os.makedirs(os.path.join(folder, "yama"), exist_ok=True)
        with open(os.path.join(folder, "yama", "ptrace_scope"), "w") as file:
            file.write(scope + "\n")
        trace = f"/tmp/attach-refused-{os.getpid()}.hst"
        fifo = os.path.join(folder, "fifo")  # so that the target has something to wait for
        if not os.path.exists(fifo):
            os.mkfifo(fifo)
        script = ('exec 3<>"$0/fifo" && mount --bind "$0" /proc/sys/kernel && '
                  '{ "$@" undumpable <&3 & } && sleep 0.3 && '
                  'setpriv --reuid=65534 --regid=65534 --clear-groups "$HEAPSTRATA_PROGRAM" attach '
                  f'-o {trace} $!; ret=$?; kill $!; exit $ret')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, folder, *NOBODY, TARGET],
                              capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HEAPSTRATA_PROGRAM": HEAPSTRATA})
        check("ptrace_scope", f"{scope}: refused with “{words}”", done.returncode == 1
              and words in done.stderr and done.stderr.count("\n") == 1,
              (done.returncode, done.stderr))


def case_traced():
    """By a debugger, here: a process of ours that holds it."""
    target = Target("known")
    target.expect_waiting("ready")
    libc = ctypes.CDLL(None, use_errno=True)
    told, tell = os.pipe()
    tracer = os.fork()
    if tracer == 0:
        ret = libc.ptrace(PTRACE_SEIZE, target.pid, None, None)
        os.write(tell, b"y" if ret == 0 else b"n")
        signal.pause()
        os._exit(0)
    if os.read(told, 1) == b"y":
        refused("traced", target.pid, "is traced by another program")
    else:
        skip("traced", "this machine lets nobody trace")
    os.kill(tracer, signal.SIGKILL)
    os.waitpid(tracer, 0)
    os.close(told)
    os.close(tell)
    target.end()


def case_filtered():
    target = Target("filtered")
    target.expect_waiting("ready")
    refused("filtered", target.pid, "filters its system calls")
    target.end()


def case_uninterruptible():
    """A parent that waits for its vfork child cannot be stopped: given up after some seconds."""
    target = Target("vforked")
    target.expect("ready")
    time.sleep(0.2)
    begin = time.monotonic()
    refused("uninterruptible", target.pid, "try again")
    seconds = time.monotonic() - begin
    check("uninterruptible", "not for ever", seconds < 15, seconds)
    target.go_on()
    target.expect("done")
    check("uninterruptible", "the target ends well", target.process.wait(10) == 0)
    target.end()


def case_32_bit():
    refused_program("32_bit", make_elf32("pause-32", PAUSE_32), "is no 64-bit x86 program")


def case_static():
    refused_program("static", make_elf64("pause-static", PAUSE_64), "is statically linked")


def case_other_libc():
    """Its loader has the name of musl's; what has no known C library at all is refused, too."""
    for loader, words in ("ld-musl-x86_64.so.1", "uses musl"), \
                         ("ld-other.so.1", "has not loaded the GNU C library"):
        path = make_elf64(loader, PAUSE_64)
        program = make_elf64("pause-" + loader, PAUSE_64, path.encode() + b"\0")
        refused_program("other_libc", program, words)
    if not shutil.which("musl-gcc"):
        skip("other_libc: a real one", "there is no musl-gcc")
        return
    source, program = (os.path.join(SCRATCH, "pause-musl" + end) for end in (".c", ""))
    with open(source, "w") as file:
        file.write("#include <stdlib.h>\n#include <unistd.h>\n"
                   "int main (void) { free (malloc (1)); return pause (); }\n")
    subprocess.run(["musl-gcc", "-o", program, source], check=True, timeout=60)
    refused_program("other_libc", program, "uses musl")


def refused_in_namespace(case, options, words):
    if not shutil.which("unshare"):
        skip(case, "there is no unshare")
        return
    unshared = subprocess.Popen(["unshare", *options, TARGET, "known"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not unshared.stdout.readline().startswith(b"ready"):
        skip(case, "this machine makes no name spaces for us")
    else:
        pid = unshared.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:  # with --fork it is a child
            pid = int((file.read().split() or [pid])[0])
        wait_until_sleeping(pid)
        refused(case, pid, words)
        os.kill(pid, signal.SIGKILL)
    unshared.kill()
    unshared.communicate()


def case_mount_namespace():
    refused_in_namespace("mount_namespace", ["--mount"] if os.geteuid() == 0
                         else ["--user", "--map-root-user", "--mount"],
                         "lives in another mount namespace")


def case_pid_namespace():
    refused_in_namespace("pid_namespace", ["--pid", "--fork"] if os.geteuid() == 0
                         else ["--user", "--map-root-user", "--pid", "--fork"],
                         "lives in another pid namespace")


if __name__ == "__main__":
    sys.exit(run(globals()))
