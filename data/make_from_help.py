#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the manual page and the shell completions of `heapstrata` from what the built program says
about itself, so that a new command or option stands in all of them by itself.

    make_from_help.py man|bash|zsh PROGRAM OUTPUT
"""

import os
import re
import subprocess
import sys

COMMAND = re.compile(r"^([a-z][a-z-]*) {2,}(\S.*)$", re.M)
OPTION = re.compile(r"^ {2}(?:(-\w), )?(--[\w-]+)(=\S+)? {2,}(\S.*)$", re.M)


class Command:
    def __init__(self, program, name, summary):
        self.name, self.summary = name, summary
        self.help = ask(program, "help", name)
        self.usage = re.search(r"^Usage:\n {2}(.*)$", self.help, re.M)
        self.options = [(o[0], o[1], o[2], o[3]) for o in OPTION.findall(self.help)]


def ask(program, *arguments):
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="", COLUMNS="100")
    return subprocess.run([program, *arguments], env=environment, check=True,
                          stdout=subprocess.PIPE).stdout.decode()


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def man(version, overview, commands):
    intro = overview.split("\n\n")[1]
    out = ['.TH HEAPSTRATA 1 "" "%s" "User Commands"' % version, ".SH NAME",
           "heapstrata \\- answer questions about heap traces", ".SH SYNOPSIS",
           ".B heapstrata", ".I COMMAND", "[\\fIOPTION\\fR…] \\fIFILE\\fR…", ".SH DESCRIPTION",
           roff(intro), ".SH COMMANDS"]
    for command in commands:
        out += [".SS " + (roff(command.usage[1]) if command.usage else command.name),
                roff(command.summary) + "."]
        for short, name, value, text in command.options:
            out += [".TP", "\\fB%s\\fR%s" % (roff(short + ", " + name if short else name),
                                            roff(value)), roff(text)]
        rest = OPTION.split(command.help)[-1].strip("\n")
        if rest:
            out += [".PP", ".nf", roff(rest), ".fi"]
    out += [".SH EXIT STATUS", ".TP", "0", "Done.", ".TP", "1",
            "The input could not be read, or damage in it has hidden data.", ".TP", "2",
            "Wrong usage.", ".SH ENVIRONMENT", ".TP", "HEAPSTRATA_LOCALEDIR",
            "Where translations are found, instead of where the program was installed.",
            ".TP", "HEAPSTRATA_MEMORY",
            "How much memory a trace may take (4G, 500M; half of the machine's unless told).",
            "What is more lies in a temporary file without a name, in TMPDIR or in ~/.cache.",
            ".TP", "_NT_SYMBOL_PATH, _NT_SYMCACHE_PATH",
            "Where PDB files are, as \\-\\-symbol\\-path says it, and what is fetched is kept.",
            ".TP", "DEBUGINFOD_URLS",
            "Servers that are asked for the debug information of Linux programs.",
            ".SH FILES", ".TP", "\\fI$XDG_CONFIG_HOME/heapstrata/allocators\\fR",
            "Functions that call trees fold into their callers, one a line, as "
            "\\fBtree \\-\\-allocator\\fR takes them.",
            ".TP", "\\fI$XDG_CACHE_HOME/heapstrata/symbols\\fR",
            "PDB files that servers sent, where no other cache is named.",
            ".SH SEE ALSO", ".BR heapstrata\\-viewer (1),", ".BR heaptrack (1)"]
    return "\n".join(out) + "\n"


def bash(_version, _overview, commands):
    options = {c.name: " ".join(o[1] + ("=" if o[2] else "") for o in c.options) for c in commands}
    cases = "\n".join("    %s) options='%s' ;;" % pair for pair in options.items())
    return """# Completion of heapstrata(1) for bash, made from the program's own help.
_heapstrata ()
{
  local word=${COMP_WORDS[COMP_CWORD]} options=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '%s' -- "$word")
    return
  fi
  case ${COMP_WORDS[1]} in
    help) mapfile -t COMPREPLY < <(compgen -W '%s' -- "$word"); return ;;
%s
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    compopt -o filenames
  fi
}
complete -F _heapstrata heapstrata
""" % (" ".join([c.name for c in commands] + ["help"]), " ".join(c.name for c in commands), cases)


def zsh(_version, _overview, commands):
    def quoted(text):
        return text.replace("'", "’").replace("[", "(").replace("]", ")").replace(":", "\\:")
    names = "\n".join("    '%s:%s'" % (c.name, quoted(c.summary)) for c in commands)
    cases = "\n".join("    %s) _arguments %s '*:trace:_files' ;;" % (
        c.name, " ".join("'%s%s[%s]%s'" % (o[1], "=" if o[2] else "", quoted(o[3]),
                                           ":%s:" % o[2][1:] if o[2] else "")
                         for o in c.options)) for c in commands)
    return """#compdef heapstrata
# Completion of heapstrata(1) for zsh, made from the program's own help.
local -a commands
commands=(
%s
    'help:Explain a command'
)
if (( CURRENT == 2 )); then
  _describe command commands
  return
fi
local command=${words[2]}
shift words
(( CURRENT-- ))
case $command in
    help) _describe command commands ;;
%s
esac
""" % (names, cases)


def main(kind, program, output):
    overview = ask(program, "--help")
    commands = [Command(program, name, text) for name, text in COMMAND.findall(overview)
                if name != "help"]
    assert commands, "no command found in the help of " + program
    make = {"man": man, "bash": bash, "zsh": zsh}[kind]
    with open(output, "w", encoding="utf-8") as file:
        file.write(make(ask(program, "--version").strip(), overview, commands))


if __name__ == "__main__":
    main(*sys.argv[1:])
