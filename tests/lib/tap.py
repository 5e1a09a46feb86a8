# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a test program, printed as TAP and counted. Threads may share one."""

import threading

MAX_WHY = 1000  # characters of what was found instead


class Results:
    def __init__(self):
        self.n = self.n_failed = 0
        self.lock = threading.Lock()

    def check(self, label, is_good, why=""):
        with self.lock:
            self.n += 1
            self.n_failed += not is_good
            print("%s %d - %s%s" % ("ok" if is_good else "not ok", self.n, label,
                                    "" if is_good else ": " + str(why)[:MAX_WHY]), flush=True)

    def skip(self, label, why):
        with self.lock:
            self.n += 1
            print("ok %d - %s # SKIP %s" % (self.n, label, why), flush=True)

    def end(self):
        """The exit status: 0 when all were good."""
        print("1..%d" % self.n)
        return 1 if self.n_failed else 0
