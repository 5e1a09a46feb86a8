#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes pictures of the window for people to look at: BUILD FOLDER [--readme]. Without --readme
light and dark, several views, a long trace name and twice the pixels; with it the pictures of
data/ that the README and the software centre show: of the sample, and of a program that is being
recorded."""

import os
import struct
import subprocess
import sys
import tempfile
import time

BUILD, FOLDER = sys.argv[1:3]
DEMO = os.path.join(BUILD, "data/heapstrata-demo.etl")
SIZE = (1280, 800)

# Opens pictures, keeps thumbnails of some for ever, and empties the rest of its cache at times.
SERVER = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define KEEP __attribute__ ((noipa))
static char *cache[200], *thumbnails[100000];
static int n_cached, n_thumbnails;
KEEP static char *pixels_new (size_t n) { return memset (malloc (n), 1, n); }
KEEP static void decode_picture (int i) { cache[n_cached++] = pixels_new (40000 + i % 9 * 9000); }
KEEP static void make_thumbnail (int i)
{ thumbnails[n_thumbnails++] = pixels_new (3000 + i % 5 * 800); }
KEEP static void read_headers (void)
{ for (int i = 0; i < 300; i++) { char *line = pixels_new (64 + i); free (line); } }
KEEP static void empty_cache (void) { while (n_cached > 0) free (cache[--n_cached]); }
KEEP static void serve_request (int i)
{ read_headers (); decode_picture (i); if (i % 3 == 0) make_thumbnail (i);
  if (n_cached == 150) empty_cache (); }
int main (void) { for (int i = 0; i < 5000; i++) { serve_request (i); usleep (2000); } }
"""


def take(name, *arguments, **environment):
    path = os.path.join(FOLDER, name + ".png")
    program = os.path.join(BUILD, "ui/app/heapstrata-viewer")
    run = subprocess.run([program, "--screenshot", path, *arguments], text=True, timeout=30,
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


def take_live(name):
    """Of a recording in its seventh second."""
    with tempfile.TemporaryDirectory() as folder:
        program, output = os.path.join(folder, "image-server"), os.path.join(folder, "server.hst")
        subprocess.run(["cc", "-g", "-O1", "-w", "-x", "c", "-o", program, "-"], input=SERVER,
                       text=True, check=True)
        with subprocess.Popen([os.environ["HEAPSTRATA_PROGRAM"], "record", "-o", output, "--",
                               program], stderr=subprocess.DEVNULL) as recorder:
            time.sleep(5)
            try:
                return take(name, output)
            finally:
                recorder.terminate()


def main():
    os.makedirs(FOLDER, exist_ok=True)
    ranged = [DEMO, "--range", "9:25"]
    if "--readme" in sys.argv:
        pictures = [("screenshot-light", ranged, {}), ("screenshot-dark", ["--dark", *ranged], {}),
                    ("screenshot-live", [], {})]
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
        trouble = (take_live(name) if name.endswith("live") else
                   take(name, *arguments, **environment))
        bad += trouble is not None
        print("%s %d - %s" % ("ok" if trouble is None else "not ok", i, name))
        if trouble:
            print("# " + trouble.strip().replace("\n", "\n# "))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
