"""`python -m ann.truth`: makes TRUTH for BASE and QUERY by our exact index, and
checks answers of some queries against numpy."""

import os
import sys

from ann import engines
from ann.process import Worker, WorkerError
from ann.settings import METRICS, TRUTH_WIDTH, SettingsError, choice, number, whole_rows

CHECKED = 200  # queries computed again by numpy
BLOCK = 20000  # rows at a time


def make(base, query, dim, metric, out, threads):
    """Writes TRUTH_WIDTH row numbers a query."""
    worker = Worker("redkite-flat", engines.command("redkite-flat"))
    try:
        worker.call("load", base=os.path.abspath(base), query=os.path.abspath(query), dim=dim, metric=metric)
        worker.call("build", params={}, threads=threads)
        worker.call("dump", search={}, threads=threads, k=TRUTH_WIDTH, path=os.path.abspath(out))
    finally:
        worker.close()


def check(base, query, dim, metric, truth):
    """Computes the answers of some queries in float64. A row may stand for another
    one only if they are equally near. Returns the number of queries checked."""
    import numpy

    rows = numpy.memmap(base, numpy.float32, "r").reshape(-1, dim)
    queries = numpy.fromfile(query, numpy.float32).reshape(-1, dim)
    ids = numpy.fromfile(truth, "<i4").reshape(len(queries), TRUTH_WIDTH)
    width = min(TRUTH_WIDTH, len(rows))
    chosen = numpy.unique(numpy.linspace(0, len(queries) - 1, min(CHECKED, len(queries))).astype(int))
    q = queries[chosen].astype(numpy.float64)
    distances = numpy.concatenate(
        [distance(q, numpy.asarray(rows[i:i + BLOCK], numpy.float64), metric) for i in range(0, len(rows), BLOCK)],
        axis=1)
    for at, row in enumerate(chosen):
        wrong = complaint(ids[row, :width], distances[at])
        if wrong:
            raise SettingsError(f"{truth}: query {row}: {wrong}")
    return len(chosen)


def complaint(own, distances):
    """What is wrong with the numbers of rows, nearest first, of which each has a
    distance; or ""."""
    import numpy

    k = len(own)
    if own.min() < 0 or own.max() >= len(distances) or len(set(own.tolist())) != k:
        return f"the answers are not {k} different rows"
    best = numpy.sort(numpy.partition(distances, k - 1)[:k])
    if not numpy.allclose(distances[own], best, rtol=1e-6, atol=1e-6 * numpy.abs(distances).max()):
        return "the answers are not those that numpy finds"
    return ""


def distance(q, rows, metric):
    """Smaller is nearer; one row a query."""
    import numpy

    if metric == "COSINE":
        q, rows = (x / numpy.maximum(numpy.linalg.norm(x, axis=1, keepdims=True), 1e-300) for x in (q, rows))
    product = q @ rows.T
    if metric != "L2":
        return -product
    return (q * q).sum(1)[:, None] + (rows * rows).sum(1)[None] - 2 * product


def main(env):
    missing = [k for k in ("BASE", "QUERY", "TRUTH", "DIM", "METRIC") if not env.get(k)]
    if missing:
        raise SettingsError(f"not given: {' '.join(missing)}")
    base, query, truth = env["BASE"], env["QUERY"], env["TRUTH"]
    dim, metric = number(env, "DIM", int, 0, 1), choice(env, "METRIC", METRICS, "L2")
    whole_rows("BASE", base, dim)
    whole_rows("QUERY", query, dim)
    if os.path.exists(truth):
        print(f"{truth} is there: it is checked, not made")
    else:
        make(base, query, dim, metric, truth, os.cpu_count() or 1)
    print(f"{truth}: {check(base, query, dim, metric, truth)} queries as numpy has them")


if __name__ == "__main__":
    try:
        main(os.environ)
    except (SettingsError, WorkerError, OSError) as e:
        sys.exit(f"bench-ann-truth: {e}")
