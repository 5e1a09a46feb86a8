# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that cannot be attached to: one sentence each, and the process is left as it was.

Usage: check_attach_refusals.py HEAPSTRATA TARGET MODULE SCRATCH [CASE…].
"""
def refused(case, pid, words, prefix=()):
    """One sentence with these words in it, and no file."""
    trace = os.path.join(SCRATCH, "attach-refused.hst")
    if prefix:  # another user cannot write where we can
        trace = f"/tmp/attach-refused-{os.getpid()}.hst"
    done = subprocess.run([*prefix, HEAPSTRATA, "attach", "--duration=0.1", "-o", trace, str(pid)],
                          capture_output=True, text=True, timeout=60)
    check(case, f"refused with “{words}”", done.returncode == 1 and words in done.stderr
          and done.stderr.count("\n") == 1, (done.returncode, done.stderr))
    check(case, "no file is written", not os.path.exists(trace))


def case_refusals():
    refused("refusals", 2 ** 22 + 1, "there is no process")
    target = Target("busy")
    target.expect_waiting("ready")
    threads = [int(tid) for tid in os.listdir(f"/proc/{target.pid}/task")]
    other = [tid for tid in threads if tid != target.pid]
    if other:
        refused("refusals", other[0], "is a thread")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        reachable = subprocess.run([*prefix, HEAPSTRATA, "--version"], capture_output=True)
        if reachable.returncode == 0:
            refused("refusals", target.pid, "belongs to another user", prefix)
        else:
            print("refusals: skipped: another user cannot reach the build folder")
    else:
        print("refusals: skipped: not root, so there is no other user")
    before = len(mappings(target.pid))
    check("refusals", "the target is untouched", not agent_range(target.pid), before)
    target.end()
    target = Target("filtered")
    target.expect_waiting("ready")
    refused("refusals", target.pid, "filters its system calls")
    target.end()
