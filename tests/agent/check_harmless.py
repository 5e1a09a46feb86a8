# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are recorded live as they do without: test suites of others, run both ways.

Usage: check_harmless.py HEAPSTRATA SCRATCH short|long OWN_MALLOC [STATIC]. Each test of Python's
own modules and of GLib's installed tests must end with and without a recording as the same result;
programs that cannot be recorded run all the same, and the user is told why in one sentence.
"""
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Results  # noqa: E402

HEAPSTRATA, SCRATCH = (os.path.abspath(path) for path in sys.argv[1:3])
IS_LONG = sys.argv[3] == "long"
OWN_MALLOC = os.path.abspath(sys.argv[4])
STATIC = os.path.abspath(sys.argv[5]) if len(sys.argv) > 5 else None
RESULTS = Results()
NOBODY = 65534
PYTHON = "/usr/bin/python3"
# What recording might disturb: memory, threads, processes, signals, descriptors, errors.
MODULES = ["test_list", "test_dict", "test_errno", "test_exceptions", "test_fork1", "test_mmap",
           "test_contextlib", "test_thread", "test_dynamicclassattribute", "test_resource",
           "test_popen", "test_atexit"]
MODULES_LONG = ["test_threading", "test_subprocess", "test_signal", "test_os", "test_ctypes",
                "test_posix", "test_io", "test_socket", "test_zlib",
                "test_sqlite3", "test_json", "test_pickle", "test_re", "test_set", "test_unicode",
                "test_generators", "test_coroutines", "test_faulthandler", "test_queue",
                "test_selectors", "test_tempfile", "test_shutil", "test_wait4"]
GLIB = "/usr/libexec/installed-tests/glib"
GLIB_TESTS = ["thread", "once", "asyncqueue", "environment", "hash", "keyfile", "logging",
              "markup-parse", "mem-overflow", "memchunk", "module-test-library", "signals",
              "spawn-path-search", "spawn-singlethread", "strfuncs", "testing", "utils"]
GLIB_TESTS_LONG = ["atomic", "cond", "gvariant", "mainloop", "mutex", "private", "rwlock", "slice",
                   "spawn-multithreaded", "threadpool", "threadtests", "unix", "unix-fd"]
GLIB_RESULT = re.compile(r"^(ok|not ok) \d+ (?:- )?(.*)$", re.M)
RESULT = re.compile(r"^(test\w+ \(.*\)|[\w.]+).* \.\.\. (.*)$")


def trace_of(name):
    path = os.path.join(SCRATCH, f"harmless-{name}.hst")
    if os.path.exists(path):
        os.unlink(path)
    return path


def run(command, trace=None, options=(), user=None):
    if trace is not None:
        command = [HEAPSTRATA, "record", *options, "-o", trace, "--"] + command
    return subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=SCRATCH,
                          stdin=subprocess.DEVNULL, timeout=900, check=False, user=user,
                          group=user, extra_groups=[] if user else None)


def python_results(done):
    """What became of each test."""
    ret = {}
    for line in done.stderr.splitlines() + done.stdout.splitlines():
        match = RESULT.match(line)
        if match:
            ret[match[1]] = match[2].split()[0]
    return ret


def python_suites():
    if not glob.glob("/usr/lib/python3*/test/test_list.py"):
        RESULTS.skip("Python's own tests", "libpython3.11-testsuite is not installed")
        return
    for module in MODULES + (MODULES_LONG if IS_LONG else []):
        command = [PYTHON, "-m", "unittest", "-v", "test." + module]
        try:
            native = run(command)
        except subprocess.TimeoutExpired:
            RESULTS.skip(module, "it does not end here without a recording either")
            continue
        results = python_results(native)
        if not results:
            RESULTS.skip(module, "not here")
            continue
        for options in ([], ["--follow"]) if IS_LONG else ([],):
            ours = run(command, trace_of(module), options)
            label = " ".join([module, *options])
            found = python_results(ours)
            differ = {name: (results.get(name), found.get(name))
                      for name in results.keys() | found.keys()
                      if results.get(name) != found.get(name)}
            RESULTS.check(f"{label}: {len(results)} tests end as without us",
                          not differ and native.returncode == ours.returncode,
                          (differ, native.returncode, ours.returncode))


def glib_results(done):
    """Exit status, and what became of each test."""
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, sorted(
        match[::-1] for match in GLIB_RESULT.findall(done.stdout))


def glib_suites():
    if not os.path.exists(os.path.join(GLIB, "thread")):
        RESULTS.skip("GLib's installed tests", "libglib2.0-tests is not installed")
        return
    n = 0
    for name in GLIB_TESTS + (GLIB_TESTS_LONG if IS_LONG else []):
        if not os.path.exists(os.path.join(GLIB, name)):
            RESULTS.skip(f"GLib's {name}", "not in this version")
            continue
        command = [os.path.join(GLIB, name), "--tap"]
        options = ["--follow"] if name.startswith(("spawn", "unix")) else []
        for _ in range(3):  # some wait for a time that a crowded machine does not keep
            native = glib_results(run(command))
            ours = glib_results(run(command, trace_of("glib-" + name), options))
            if native == ours:
                break
        n += len(native[1])
        RESULTS.check(f"GLib's {name}: {len(native[1])} tests end as without us", native == ours,
                      (native[0], ours[0], set(native[1]) ^ set(ours[1])))
    RESULTS.check(f"GLib's tests ran: {n}", n > 200, n)


def says(label, command, sentence, status, user=None):
    """A program that cannot be recorded: it runs, and the sentence is told."""
    name = label.replace(" ", "-")
    folder = os.path.join(SCRATCH, "harmless-" + name)
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    done = run(command, os.path.join("harmless-" + name, f"{os.getpid()}.hst"), user=user)
    shutil.rmtree(folder, ignore_errors=True)
    RESULTS.check(f"{label}: runs as without us", done.returncode == status,
                  (done.returncode, done.stderr))
    RESULTS.check(f"{label}: the reason is told", sentence in done.stderr, done.stderr)


def own_malloc():
    """What such a program allocates cannot be seen: that is said, of others it is not."""
    sentence = "bring a malloc of their own"
    says("own malloc", [OWN_MALLOC], sentence, 3)
    done = run([PYTHON, "-c", ""], trace_of("libc-malloc"))
    RESULTS.check("libc's malloc: nothing is said", sentence not in done.stderr, done.stderr)
    trace = trace_of("own-malloc")
    with subprocess.Popen([OWN_MALLOC, "wait"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = subprocess.run([HEAPSTRATA, "attach", "-o", trace, "--duration=0.2",
                               str(process.pid)], capture_output=True, text=True, timeout=60,
                              check=False)
        process.stdin.close()
    RESULTS.check("own malloc: runs on after an attach", process.returncode == 3,
                  process.returncode)
    RESULTS.check("own malloc: the reason is told after an attach", sentence in done.stderr,
                  done.stderr)
    found = subprocess.run([HEAPSTRATA, "findings", trace], capture_output=True, text=True,
                           timeout=60, check=False)
    RESULTS.check("own malloc: it is a finding", "malloc of its own" in found.stdout, found.stdout)


def unseen_programs():
    if STATIC is None:
        RESULTS.skip("static program", "cannot be linked here")
    else:
        says("static", [STATIC], "is statically linked", run([STATIC]).returncode)
        script = os.path.join(SCRATCH, "harmless-script")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"#!{STATIC}\n")
        os.chmod(script, 0o755)
        says("script of a static program", [script], "is statically linked",
             run([script]).returncode)
    reachable = all(os.stat(path).st_mode & stat.S_IXOTH
                    for path in (SCRATCH, os.path.dirname(HEAPSTRATA)))
    if os.geteuid() != 0 or not reachable:
        RESULTS.skip("setuid program", "only root can make one, and try it as somebody else")
        return
    program = os.path.join(SCRATCH, "harmless-setuid-program")
    shutil.copy("/usr/bin/true", program)
    os.chmod(program, 0o4755)
    says("setuid", [program], "gains rights", 0, NOBODY)
    # started by what is recorded: no sentence then, and nothing that waits for it
    trace = os.path.join(tempfile.gettempdir(), f"harmless-{os.getpid()}.hst")
    done = run(["/bin/sh", "-c", f"{program} && {program}; exit 5"], trace, ["--follow"], NOBODY)
    RESULTS.check("setuid programs started by a followed one", done.returncode == 5, done.stderr)
    os.unlink(trace)
    shutil.copy("/usr/bin/false", program)
    os.chmod(program, 0o2755)
    says("setgid", [program], "gains rights", 1, NOBODY)
    os.chmod(program, 0o755)
    shutil.copy("/usr/bin/true", program)
    if shutil.which("setcap") and subprocess.run(["setcap", "cap_net_raw+ep", program],
                                                 check=False).returncode == 0:
        says("capabilities", [program], "gains rights", 0, NOBODY)
    os.unlink(program)


def small_limits():
    """Little stack, little memory, few descriptors: what the agent takes must not tip it over."""
    shell = ["/usr/bin/sh", "-c"]
    for label, limit in (("stack of 256 KiB", "ulimit -s 256"), ("16 descriptors", "ulimit -n 16")):
        command = shell + [limit + f"; exec {PYTHON} -c 'print(sum(range(1000)))'"]
        native, ours = run(command), run(command, trace_of("limit"), ["--follow"])
        RESULTS.check(f"{label}: as without us", (native.returncode, native.stdout)
                      == (ours.returncode, ours.stdout) == (0, "499500\n"), ours.stderr)


def main():
    own_malloc()
    unseen_programs()
    small_limits()
    python_suites()
    glib_suites()
    sys.exit(RESULTS.end())


main()
