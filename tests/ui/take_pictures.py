#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes pictures of the window for people to look at: BUILD FOLDER [--readme]. Without --readme
light and dark, several views, a long trace name and twice the pixels; with it the two pictures of
data/ that the README and the software centre show."""

import os
import struct
import subprocess
import sys
import tempfile

BUILD, FOLDER = sys.argv[1:3]
DEMO = os.path.join(BUILD, "data/heapstrata-demo.etl")
SIZE = (1280, 800)


def take(name, *arguments, **environment):
    path = os.path.join(FOLDER, name + ".png")
    program = os.path.join(BUILD, "ui/app/heapstrata-viewer")
    run = subprocess.run([program, "--screenshot", path, *arguments], text=True, timeout=120,
                         stderr=subprocess.PIPE, env=dict(os.environ, **environment), check=False)
    if run.returncode or run.stderr.strip():
        return "status %d: %s" % (run.returncode, run.stderr)
    with open(path, "rb") as picture:
        width, height = struct.unpack(">II", picture.read(24)[16:24])
    scale = int(environment.get("GDK_SCALE", "1"))
    if (width, height) != (SIZE[0] * scale, SIZE[1] * scale):
        return "%s is %d x %d" % (path, width, height)
    if os.path.getsize(path) > 200000 * scale * scale:
        return "%s has %d bytes" % (path, os.path.getsize(path))
    return None


def main():
    os.makedirs(FOLDER, exist_ok=True)
    ranged = [DEMO, "--range", "9:25"]
    if "--readme" in sys.argv:
        pictures = [("screenshot-light", ranged, {}), ("screenshot-dark", ["--dark", *ranged], {})]
    else:
        long_name = os.path.join(tempfile.mkdtemp(),
                                 "a-trace-with-a-name-that-is-longer-than-anyone-would-like-" * 3
                                 + ".etl")
        os.symlink(os.path.abspath(DEMO), long_name)
        pictures = [("start", [], {}), ("light", ranged, {}), ("dark", ["--dark", *ranged], {}),
                    ("whole", [DEMO], {}), ("bottom-up", [DEMO, "--view", "bottom-up"], {}),
                    ("findings", [DEMO, "--view", "findings"], {}), ("long-name", [long_name], {}),
                    ("twice", ranged, {"GDK_SCALE": "2"})]
    print("1..%d" % len(pictures))
    bad = 0
    for i, (name, arguments, environment) in enumerate(pictures, 1):
        trouble = take(name, *arguments, **environment)
        bad += trouble is not None
        print("%s %d - %s" % ("ok" if trouble is None else "not ok", i, name))
        if trouble:
            print("# " + trouble.strip().replace("\n", "\n# "))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
