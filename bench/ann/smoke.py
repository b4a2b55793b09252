"""`python -m ann.smoke`: the whole way on a little made-up data, with every
engine that is there. Nothing it measures means anything; what it writes has to
be complete."""

import array
import contextlib
import io
import json
import math
import os
import random
import sys
import tempfile

from ann import contest, engines, filtered, recall, selection, truth
from ann.grid import default_grids
from ann.process import WorkerError
from ann.settings import METRICS, Settings, SettingsError

ROWS, QUERIES, DIM = 3000, 60, 16
STEPS = 3  # of each ladder
FIELDS = ("engine", "params", "recall10", "qps1", "qps2", "cpu_us_per_query", "build_cpu_s", "build_wall_s",
          "bytes_per_vector")


def gaussian(path, rows, seed):
    rng = random.Random(seed)
    with open(path, "wb") as f:
        f.write(array.array("f", [rng.gauss(0, 1) for _ in range(rows * DIM)]).tobytes())


def compare(folder, metric):
    """One comparison; returns what is wrong with its output."""
    def path(name):
        return os.path.join(folder, name)

    truth.make(path("base.f32"), path("query.f32"), DIM, metric, path(f"{metric}.i32"), 2)
    if engines.missing("faiss-hnsw") == "":
        truth.check(path("base.f32"), path("query.f32"), DIM, metric, path(f"{metric}.i32"))
    grids = default_grids(ROWS, DIM, small=True)
    short = {name: {"builds": g.builds[:1], "ladders": [ladder[-STEPS:] for ladder in g.ladders[-1:]]}
             for name, g in grids.items()}
    settings = Settings.read({
        "BASE": path("base.f32"), "QUERY": path("query.f32"), "TRUTH": path(f"{metric}.i32"), "DIM": str(DIM),
        "METRIC": metric, "OUT": path(f"{metric}.json"), "DUMP": path(metric), "PARAMS": json.dumps(short),
        "ROUNDS": "1", "SECONDS": "0.01", "HUGE": "auto" if metric == "L2" else "0"})
    with contextlib.redirect_stdout(io.StringIO()):
        contest.run(settings)
    with open(settings.out, encoding="utf-8") as f:
        points = json.load(f)
    present = {e for e in contest.choose(settings)}
    wrong = [f"{metric}: no point of {e}" for e in present - {p["engine"] for p in points}]
    exact = recall.truth_sets(settings.truth)
    for p in points:
        wrong += complaints(p, exact, settings.dump, metric)
    for suffix in ("md", "svg", "png") if engines.missing("faiss-hnsw") == "" else ("md",):
        if not os.path.exists(path(f"{metric}.{suffix}")):
            wrong.append(f"{metric}: no {metric}.{suffix}")
    return wrong


def compare_filtered(folder, metric):
    """One comparison of filtered search; returns what is wrong with its output."""
    out = os.path.join(folder, f"filter-{metric}.json")
    settings = Settings.read({
        "BASE": os.path.join(folder, "base.f32"), "QUERY": os.path.join(folder, "query.f32"), "DIM": str(DIM),
        "METRIC": metric, "OUT": out, "ROUNDS": "1", "SECONDS": "0.005", "HUGE": "0"}, truth=False)
    with contextlib.redirect_stdout(io.StringIO()):
        points = filtered.run(settings)
    got = {(p["engine"], p["kind"], p["share"]) for p in points}
    wrong = [f"filter {metric}: no point of {want}" for want in
             {(e, k, s) for e in filtered.choose(settings) for k in selection.KINDS for s in selection.SHARES} - got]
    for p in points:
        name = f"filter {metric}: {p['engine']} {p['kind']} {p['share']} {p['params']}"
        if not (math.isfinite(p["qps1"]) and p["qps1"] > 0 and p["cpu_us_per_query"] > 0):
            wrong.append(f"{name}: {p['qps1']} queries a second, {p['cpu_us_per_query']} us")
        if p["engine"] == "redkite-hnsw" and p["missing"]:
            wrong.append(f"{name}: {p['missing']} answers fewer than there are")
    if not os.path.exists(os.path.splitext(out)[0] + ".md"):
        wrong.append(f"filter {metric}: no page")
    return wrong


def complaints(p, exact, dump, metric):
    """What is wrong with a point."""
    name = f"{metric}: {p.get('engine')} {p.get('params')}"
    missing = [f for f in FIELDS if f not in p]
    if missing:
        return [f"{name}: without {', '.join(missing)}"]
    wrong = [f"{name}: {f} is {p[f]}" for f in ("qps1", "qps2", "cpu_us_per_query")
             if not (math.isfinite(p[f]) and p[f] > 0)]
    again = recall.recall(recall.read_ids(os.path.join(dump, p["answers"])), exact)
    if again != p["recall10"]:
        wrong.append(f"{name}: recall10 {p['recall10']}, of the answers {again}")
    if p["engine"] == "redkite-flat" and p["recall10"] < 0.999:
        wrong.append(f"{name}: an exact index with recall {p['recall10']}")
    return wrong


def main():
    with tempfile.TemporaryDirectory(prefix="ann-smoke-") as folder:
        gaussian(os.path.join(folder, "base.f32"), ROWS, 1)
        gaussian(os.path.join(folder, "query.f32"), QUERIES, 2)
        wrong = [w for metric in METRICS for w in compare(folder, metric)]
        if engines.missing("hnswlib-filter") == "":
            wrong += [w for metric in METRICS for w in compare_filtered(folder, metric)]
    print("\n".join(wrong) or "bench-ann-smoke: complete, and recall is that of the answers")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (SettingsError, WorkerError, OSError) as e:
        sys.exit(f"bench-ann-smoke: {e}")
