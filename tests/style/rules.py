# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of style rules. A rule is a function (tree) -> complaints, registered together with a
made-up tree that it must complain about, so that no rule can go blind unnoticed."""

RULES = []


class Rule:
    def __init__(self, name, check, bad, good, tool):
        self.name, self.check, self.bad, self.good, self.tool = name, check, bad, good, tool


def rule(name, bad, good=None, tool=None):
    """`bad` maps a label to a made-up tree the rule must complain about, `good` one to accept.
    `tool` is a program without which the rule is skipped."""
    def register(check):
        RULES.append(Rule(name, check, bad, good or {}, tool))
        return check
    return register


class Warn(str):
    """A complaint that is shown but does not fail."""
