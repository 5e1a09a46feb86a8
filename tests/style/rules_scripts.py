# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts: shellcheck has nothing to say, Python compiles and names the system's interpreter."""

import json
import subprocess

from rules import rule


@rule("scripts: shellcheck is content",
      bad={"unquoted": {"dev": "#!/bin/bash\nrm $1/x\n"}},
      good={"fine": {"dev": '#!/bin/bash\nrm "$1/x"\n'}}, tool="shellcheck")
def check_shell(tree):
    paths = tree.scripts("bash") + tree.scripts("/bin/sh")
    if not paths:
        return
    run = subprocess.run(["shellcheck", "-f", "json", *paths], cwd=tree.root, text=True,
                         stdout=subprocess.PIPE, check=False)
    for found in json.loads(run.stdout or "[]"):
        yield "%s:%d: SC%d %s" % (found["file"], found["line"], found["code"], found["message"])


@rule("scripts: Python compiles, and is the system's",
      bad={"syntax": {"a.py": "def f(:\n"}, "interpreter": {"a.py": "#!/usr/bin/env python3\n"}},
      good={"fine": {"a.py": "#!/usr/bin/python3\nprint(1)\n"}})
def check_python(tree):
    for path in sorted(set(tree.match(".py") + tree.scripts("python"))):
        text = tree.text(path)
        if text.startswith("#!") and text.split("\n", 1)[0] != "#!/usr/bin/python3":
            yield "%s: its first line must be #!/usr/bin/python3" % path
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            yield "%s:%s: %s" % (path, error.lineno, error.msg)
