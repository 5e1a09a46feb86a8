#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the style rules over the tree and prints TAP; with an argument only rules with that text in
their name. Each rule is first tried on its own bad examples: one that finds nothing there has gone
blind, which is a failure too."""

import os
import shutil
import sys

import rules_calls  # each of these registers its rules
import rules_files
import rules_layers
import rules_scripts
import rules_sizes
import rules_texts
from rules import RULES, Warn
from tree import Tree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def complaints(rule, texts):
    tree = Tree.made_of(texts) if rule.tool else Tree("", texts)
    try:
        return [c for c in rule.check(tree) if not isinstance(c, Warn)]
    finally:
        if rule.tool:
            shutil.rmtree(tree.root)


def self_test(rule):
    """What is wrong with the rule itself."""
    for label, texts in rule.bad.items():
        if not complaints(rule, texts):
            yield "does not notice: " + label
    for label, texts in rule.good.items():
        for complaint in complaints(rule, texts):
            yield "complains about good code (%s): %s" % (label, complaint)


def report(number, name, found):
    failed = [c for c in found if not isinstance(c, Warn)]
    print("%s %d - %s" % ("not ok" if failed else "ok", number, name))
    for complaint in found:
        print("#   %s%s" % ("(wished) " if isinstance(complaint, Warn) else "", complaint))
        if complaint in failed:  # meson shows only this of a failed TAP program
            print("%s: %s" % (name, complaint), file=sys.stderr)
    sys.stdout.flush()
    return not failed


def main(wanted):
    chosen = [r for r in RULES if wanted in r.name]
    tree = Tree(ROOT)
    print("1..%d" % (2 * len(chosen)))
    good = bool(chosen)
    for number, rule in enumerate(chosen):
        if rule.tool and not shutil.which(rule.tool):
            for n in (1, 2):
                print("ok %d - %s # SKIP no %s" % (2 * number + n, rule.name, rule.tool))
            continue
        good &= report(2 * number + 1, "(self-test) " + rule.name, list(self_test(rule)))
        good &= report(2 * number + 2, rule.name, list(rule.check(tree)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
