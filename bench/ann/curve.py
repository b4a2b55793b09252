"""Curves of speed over recall: which points count, and what lies between them."""

import bisect
import math
from dataclasses import dataclass

TARGETS = (0.90, 0.95, 0.99)


@dataclass(frozen=True)
class Reading:
    """Speed at a recall; at_least: the curve begins above that recall."""

    qps: float
    at_least: bool = False


def frontier(points, speed):
    """The best points, by ascending recall: none is beaten in recall and speed at once."""
    best = []
    for p in sorted(points, key=lambda p: (-p["recall10"], -p[speed])):
        if not best or p[speed] > best[-1][speed]:
            best.append(p)
    return best[::-1]


def read(points, speed, target):
    """The Reading at a recall: the logarithm of the speed is taken to be linear in
    recall between neighbours of the frontier. None beyond the last point."""
    best = frontier(points, speed)
    recalls = [p["recall10"] for p in best]
    at = bisect.bisect_left(recalls, target)
    if at == len(best):
        return None
    if recalls[at] == target:
        return Reading(best[at][speed])
    if at == 0:
        return Reading(best[0][speed], at_least=True)
    left, right = best[at - 1], best[at]
    share = (target - recalls[at - 1]) / (recalls[at] - recalls[at - 1])
    log = (1 - share) * math.log(left[speed]) + share * math.log(right[speed])
    return Reading(math.exp(log))


def by_engine(points):
    """Points by their engine, in order of first appearance."""
    out = {}
    for p in points:
        out.setdefault(p["engine"], []).append(p)
    return out


def is_ours(engine):
    return engine.startswith("redkite-")
