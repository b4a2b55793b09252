"""Filters to search behind: random ones, and those that let the rows near to, or
far from, a query pass.

A column has one number a row, each of 0 to rows - 1 once; a filter lets the rows
with a number in a range pass. Column 0 is shuffled. Each other one orders the rows
by their distance from one of the queries, its pivot, and is asked about with the
queries nearest to that.
"""

from dataclasses import dataclass

from ann.truth import BLOCK, complaint, distance

SHARES = (0.001, 0.01, 0.1, 0.5, 0.99)  # of the rows pass
KINDS = ("random", "near", "far")
PIVOTS = 4
AROUND = 25  # queries of a pivot
RANDOM = 200  # queries behind a random filter
LEAST = 10  # rows that pass


@dataclass(frozen=True)
class Case:
    kind: str
    share: float
    groups: list  # as select requests have them


def columns(base, query, dim, metric, path, seed=1):
    """Writes the columns as int32; returns the queries of each, in its order."""
    import numpy

    rows = numpy.memmap(base, numpy.float32, "r").reshape(-1, dim)
    queries = numpy.fromfile(query, numpy.float32).reshape(-1, dim).astype(numpy.float64)
    numbers = [numpy.random.default_rng(seed).permutation(len(rows))]
    asked = [list(range(min(RANDOM, len(queries))))]
    pivots = numpy.unique(numpy.linspace(0, len(queries) - 1, PIVOTS).astype(int))
    for pivot in pivots:
        q = queries[pivot:pivot + 1]
        far = numpy.concatenate([distance(q, numpy.asarray(rows[i:i + BLOCK], numpy.float64), metric)[0]
                                 for i in range(0, len(rows), BLOCK)])
        numbers.append(numpy.argsort(numpy.argsort(far, kind="stable"), kind="stable"))
        # The nearest queries, by the distance between vectors for every metric.
        asked.append(numpy.argsort(distance(q, queries, "L2")[0], kind="stable")[:AROUND].tolist())
    numpy.stack(numbers).astype("<i4").tofile(path)
    return asked


def cases(rows, asked):
    """Every kind of filter at every share."""
    out = []
    for kind in KINDS:
        for share in SHARES:
            passing = max(LEAST, round(share * rows))
            low, high = (rows - passing, rows) if kind == "far" else (0, passing)
            chosen = [0] if kind == "random" else range(1, len(asked))
            out.append(Case(kind, share, [{"column": c, "low": low, "high": high, "queries": asked[c]}
                                          for c in chosen]))
    return out


def check(base, query, dim, metric, path, case, answers, k):
    """Compares the exact answers, k a question, of some questions of a case with
    numpy's in float64. Returns how many."""
    import numpy

    rows = numpy.memmap(base, numpy.float32, "r").reshape(-1, dim)
    queries = numpy.fromfile(query, numpy.float32).reshape(-1, dim).astype(numpy.float64)
    numbers = numpy.fromfile(path, "<i4").reshape(-1, len(rows))
    ids = numpy.asarray(answers).reshape(-1, k)
    at = checked = 0
    for g in case.groups:
        column = numbers[g["column"]]
        allowed = numpy.flatnonzero((column >= g["low"]) & (column < g["high"]))
        far = numpy.concatenate([
            distance(queries[g["queries"][:1]], rows[allowed[i:i + BLOCK]].astype(numpy.float64), metric)[0]
            for i in range(0, len(allowed), BLOCK)])
        own = ids[at]
        if not numpy.isin(own, allowed).all():
            raise ValueError(f"{case.kind} {case.share}: an exact answer does not pass")
        wrong = complaint(numpy.searchsorted(allowed, own), far)
        if wrong:
            raise ValueError(f"{case.kind} {case.share}: {wrong}")
        at += len(g["queries"])
        checked += 1
    return checked
