# SPDX-License-Identifier: GPL-3.0-or-later
"""What the style rules look at: the files of the source tree by path, or a made-up tree of a rule's
own self-test. Also the little knowledge of C that several rules share. No rule stands here."""

import os
import re
import tempfile

SKIPPED_FOLDERS = re.compile(r"^(build.*|\.git|__pycache__|\.cache|\.vscode)$")


class Tree:
    """Relative path -> text, read when asked for."""

    def __init__(self, root, texts=None):
        self.root = root
        self._texts = dict(texts or {})
        if texts is not None:
            self.paths = sorted(texts)
            return
        self.paths = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if not SKIPPED_FOLDERS.match(f))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name != ".git" and os.path.isfile(path) and not name.endswith(".pyc"):
                    self.paths.append(os.path.relpath(path, root))

    @classmethod
    def made_of(cls, texts):
        """A tree on disk (for rules that run programs) holding just `texts`."""
        root = tempfile.mkdtemp(prefix="style-")
        for path, text in texts.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as out:
                out.write(text)
        return cls(root, texts)

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), "rb") as data:
                self._texts[path] = data.read().decode("utf-8", "replace")
        return self._texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def match(self, *endings, under=""):
        return [p for p in self.paths if p.endswith(endings) and p.startswith(under)]

    def c_files(self, under=("src/", "ui/", "tests/")):
        return [p for p in self.paths if p.endswith((".c", ".h")) and p.startswith(under)]

    def scripts(self, interpreter):
        """Files that a first line of `#!…interpreter` makes a script of it."""
        found = []
        for path in self.paths:
            if "." in os.path.basename(path)[1:] and not path.endswith((".py", ".sh")):
                continue
            first = self.text(path)[:80].split("\n", 1)[0]
            if first.startswith("#!") and interpreter in first:
                found.append(path)
        return found


BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare_c(text, keep_strings=False):
    """C text without comments (and string contents); line numbers stay."""
    def blank(match):
        piece = match[0]
        if piece[0] in "\"'":
            return piece if keep_strings else piece[0] + " " * (len(piece) - 2) + piece[0]
        return re.sub(r"[^\n]", " ", piece)
    return BLANKED.sub(blank, text)


def functions(text):
    """(name, parameters, first line, number of lines) of each function body. Relies on the layout
    that clang-format gives: the opening and the closing brace of a function stand in column 0."""
    lines = bare_c(text).split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = []
            at = start - 2
            while at >= 0 and lines[at].strip() and not lines[at].rstrip().endswith((";", "}")) \
                    and not lines[at].startswith("#"):
                head.insert(0, lines[at])
                at -= 1
            name, parameters = signature(" ".join(head))
            yield name, parameters, start, number - start + 1
            start = None


def signature(head):
    """Name and list of parameters of a function's head, as far as it has one."""
    match = re.search(r"(\w+)\s*\(", head)
    if not match:
        return head.strip(), []
    depth, parameter, parameters = 0, "", []
    for c in head[match.end():]:
        if c == "(":
            depth += 1
        elif c == ")":
            if depth == 0:
                break
            depth -= 1
        if c == "," and depth == 0:
            parameters.append(parameter.strip())
            parameter = ""
        else:
            parameter += c
    parameters.append(parameter.strip())
    return match[1], [p for p in parameters if p not in ("", "void")]
