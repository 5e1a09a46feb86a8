# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run of bench_capture.py stands against the goals for recording, a line each."""

import math

FIVE = ("mb-d20", "python", "sqlite", "cc1", "cmake")


def mean(ratios):
    """Geometric: a ratio's mean does not depend on which side is the one."""
    return math.exp(sum(math.log(max(r, 1e-3)) for r in ratios) / len(ratios))


def inverse(ratio):
    return "1/%.1f" % (1 / ratio) if ratio > 0 else "nothing"


class Figures:
    def __init__(self, results):
        self.results = results

    def get(self, workload, tool, what):
        row = self.results.get(workload, {}).get(tool)
        if row is None:
            return None
        return row["target_ns"] + row["recorder_ns"] if what == "all_ns" else row[what]

    def ratio(self, workload, ours, theirs, what, other_what=None):
        a, b = self.get(workload, ours, what), self.get(workload, theirs, other_what or what)
        if a is None or b is None or b <= 0:
            return None
        return max(a, 0.0) / b

    def ratios(self, ours, theirs, what, other_what=None):
        found = {w: self.ratio(w, ours, theirs, what, other_what) for w in FIVE}
        return {w: r for w, r in found.items() if r is not None}


def verdict(goal, text, is_met, detail):
    return "%-4s goal %-3s %s: %s" % ("met" if is_met else "MISS", goal, text, detail)


def not_measured(goal, text):
    return "-    goal %-3s %s: not measured in this run" % (goal, text)


def listed(ratios):
    return ", ".join("%s %s" % (w, inverse(r)) for w, r in ratios.items())


def by_mean(goal, text, ratios, limit, worst=None):
    if not ratios:
        return not_measured(goal, text)
    value = mean(ratios.values())
    is_met = value <= limit and (worst is None or max(ratios.values()) <= worst)
    return verdict(goal, text, is_met, "%s (%s)" % (inverse(value), listed(ratios)))


def by_limit(goal, text, value, limit):
    if value is None:
        return not_measured(goal, text)
    return verdict(goal, text, value <= limit, inverse(value) if limit < 1 else "%.2f" % value)


def each(figures, goal, text, values, limit, form="%.2f"):
    """Every one of the (workload, value) at most `limit`."""
    known = [(w, v) for w, v in values if v is not None]
    if not known:
        return not_measured(goal, text)
    return verdict(goal, text, all(v <= limit for _, v in known),
                   ", ".join("%s %s" % (w, form % v) for w, v in known))


def memory(f):
    added = [(w, f.get(w, "ours", "added_mib"), f.get(w, "heaptrack-raw", "added_mib"),
              f.get(w, "ours", "threads")) for w in f.results]
    added = [x for x in added if x[1] is not None and x[2] is not None]
    text = "memory added <= heaptrack raw's + 2 MB per thread"
    if not added:
        return not_measured("9", text)
    return verdict("9", text, all(a <= b + 2 * n for _, a, b, n in added),
                   ", ".join("%s %.1f against %.1f MiB" % (w, a, b) for w, a, b, _ in added))


def helper_memory(f):
    text = "recorder's RSS <= 1/5 of heaptrack_interpret's"
    pairs = [(w, f.get(w, "ours", "helper_mib"), f.get(w, "heaptrack", "helper_mib"))
             for w in f.results]
    pairs = [x for x in pairs if x[1] and x[2]]
    if not pairs:
        return not_measured("9", text)
    return verdict("9", text, all(a <= b / 5 for _, a, b in pairs),
                   ", ".join("%s %.0f against %.0f MiB" % x for x in pairs))


def lost(f):
    rows = [(w, r["ours"]) for w, r in f.results.items() if "ours" in r]
    if not rows:
        return not_measured("10", "nothing lost")
    losses = ["%s %d of %d" % (w, r["lost"], r["events"]) for w, r in rows if r["lost"]]
    return verdict("10", "no event lost", not losses, ", ".join(losses) or "none")


def verdicts(results):
    f = Figures(results)
    raw, two, one = "heaptrack-raw", "mb-d20-2thr", "mb-d20"
    off = f.get("mb-d20-long", "off", "target_ns")
    alone, both = f.get(one, "ours", "target_ns"), f.get(two, "ours", "target_ns")
    return [
        by_mean("1", "target's CPU/event <= 1/6 of heaptrack raw, none above 1/4",
                f.ratios("ours", raw, "target_ns"), 1 / 6, 1 / 4),
        by_limit("2", "mb-d60 <= 1/10", f.ratio("mb-d60", "ours", raw, "target_ns"), 1 / 10),
        by_limit("2", "mb-d60-vary <= 1/5", f.ratio("mb-d60-vary", "ours", raw, "target_ns"),
                 1 / 5),
        by_limit("2", "two threads <= 1/12", f.ratio(two, "ours", raw, "target_ns"), 1 / 12),
        by_limit("2", "two threads <= 1.2 x one",
                 both / alone if both and alone and alone > 0 else None, 1.2),
        by_mean("3", "<= 1/2 of LTTng's wrapper without stacks, each",
                f.ratios("ours", "lttng", "target_ns"), 1 / 2, 1 / 2),
        by_mean("3", "never above bare libunwind", f.ratios("ours", "libunwind", "target_ns"), 1,
                1),
        by_mean("4", "all processes' CPU <= 1/8 of heaptrack's pipeline",
                f.ratios("ours", "heaptrack", "all_ns", "target_ns"), 1 / 8),
        each(f, "4", "wall <= 1.35",
             [(w, f.get(w, "ours", "wall_ratio")) for w in ("python", "sqlite")], 1.35),
        each(f, "4", "wall <= 1.08", [("cc1", f.get("cc1", "ours", "wall_ratio"))], 1.08),
        by_mean("5", "stacks on frees too <= 1/3 of heaptrack raw",
                f.ratios("ours-free-stacks", raw, "target_ns"), 1 / 3),
        each(f, "6", "switched off <= 2 ns/event", [("mb-d20-long", off)], 2),
        by_limit("6", "switched off <= 1/50 of heaptrack raw",
                 max(off, 0) / f.get(one, raw, "target_ns")
                 if off is not None and f.get(one, raw, "target_ns") else None, 1 / 50),
        each(f, "8", "file <= 7.7 B/event",
             [(w, f.get(w, "ours", "bytes")) for w in f.results], 7.7),
        by_mean("8", "file <= 1/2 of heaptrack raw", f.ratios("ours", raw, "bytes"), 1 / 2, 1 / 2),
        by_mean("8", "file <= 1/2 of LTTng", f.ratios("ours", "lttng", "bytes"), 1 / 2, 1 / 2),
        memory(f), helper_memory(f), lost(f),
    ]
