#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a checking tool on a file of data/; skips (77), saying so, where the tool is missing."""

import os
import shutil
import subprocess
import sys

tool, *arguments = sys.argv[1:]
if not shutil.which(tool):
    print("skipped: %s is not installed" % tool)
    sys.exit(77)
environment = dict(os.environ, LC_ALL="C")
sys.exit(subprocess.run([tool, *arguments], env=environment, check=False).returncode)
