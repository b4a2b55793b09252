"""`python -m ann.filtered`: filtered search of ours and of the peers that have it,
as `make bench-filter` runs it."""

import json
import os
import signal
import sys
import tempfile

from ann import contest, recall, selection
from ann.contest import Timed, present, publish_page, say, write
from ann.curve import by_engine, is_ours, read
from ann.grid import OVERSAMPLING, Grid
from ann.process import WorkerError
from ann.rounds import Rounds, in_turn, part
from ann.settings import Settings, SettingsError
from ann.table import markdown

BREADTHS = (10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)  # ef
LADDERS = {
    "redkite-hnsw": [[{"ef": ef} for ef in BREADTHS]],
    "hnswlib-filter": [[{"ef": ef} for ef in BREADTHS]],
    "qdrant-filter": [[{"ef": ef, "acorn": acorn, "oversampling": o} for ef in BREADTHS]
                      for acorn in (0, 1) for o in OVERSAMPLING],
}
BUILD = {"M": 16, "efConstruction": 200}
TARGET = 0.95
ENOUGH = 0.97  # a ladder ends behind the first step of that recall
SLOW = 10.0  # a ladder ends too when a pass over all questions takes so many seconds


class Contestant(contest.Contestant):
    """An engine with one index."""

    def __init__(self, settings, name):
        super().__init__(settings, name, Grid([BUILD], LADDERS.get(name, [])))

    def climb_case(self, case, truth, folder):
        """The points of a case, not timed yet."""
        out = []
        for ladder in self.grid.ladders:
            for search in ladder:
                path = os.path.join(folder, self.name + ".i32")
                got = self.worker.call("dump", search=search, threads=1, path=path)
                ids = recall.read_ids(path)
                point = {
                    "engine": self.name, "kind": case.kind, "share": case.share, "params": {**BUILD, **search},
                    "recall10": recall.recall(ids, truth), "missing": ids.count(-1)}
                questions = part(len(truth), got["wall_s"], self.settings.seconds)
                out.append(Timed(point, Rounds(self.worker, search, (1,), questions)))
                if point["recall10"] >= ENOUGH or got["wall_s"] > SLOW:
                    break
        return out


def compete(settings, contestants, case, truth, folder):
    """The points of a case: step after step of the engines in turn, round after round."""
    points = {c: c.climb_case(case, truth, folder) for c in contestants}
    for number in range(settings.rounds):
        for step in range(max(map(len, points.values()))):
            for c in in_turn(contestants, number):
                if step < len(points[c]):
                    points[c][step].rounds.time(settings.seconds)
    return [p.finish() for c in contestants for p in points[c]]


def exact(worker, case, columns, folder):
    """The answers of the exact index, and the same as sets."""
    worker.call("select", columns=columns, groups=case.groups)
    path = os.path.join(folder, "exact.i32")
    worker.call("dump", search={}, threads=os.cpu_count() or 1, path=path)
    ids = recall.read_ids(path)
    return ids, [frozenset(ids[i:i + recall.K]) for i in range(0, len(ids), recall.K)]


def choose(settings):
    """The engines to run."""
    return present(settings, LADDERS, "{} has no filter:")


def run(settings):
    """The whole comparison: writes OUT and the page beside it, returns the points."""
    points, workers, checked = [], [], 0
    with tempfile.TemporaryDirectory(prefix="ann-filter-") as folder:
        columns = os.path.join(folder, "columns.i32")
        asked = selection.columns(settings.base, settings.query, settings.dim, settings.metric, columns)
        cases = selection.cases(settings.rows, asked)
        try:
            flat = Contestant(settings, "redkite-flat")
            workers.append(flat)
            flat.worker.call("build", params={}, threads=1)
            contestants = []
            for name in choose(settings):
                c = Contestant(settings, name)
                workers.append(c)
                contestants.append(c)
                c.worker.call("select", columns=columns, groups=cases[0].groups)
                built = c.worker.call("build", params=BUILD, threads=2)
                say(f"{name}: {c.about['version']}, {c.about['isa']}; built in {built['wall_s']:.1f} s")
            for case in cases:
                ids, truth = exact(flat.worker, case, columns, folder)
                checked += selection.check(settings.base, settings.query, settings.dim, settings.metric, columns, case,
                                           ids, recall.K)
                for c in contestants:
                    c.worker.call("select", columns=columns, groups=case.groups)
                points += compete(settings, contestants, case, truth, folder)
                say(f"{case.kind} {case.share}: " + ", ".join(
                    f"{c.name} {max(p['recall10'] for p in points[::-1] if at(p, case, c.name)):.3f}"
                    for c in contestants))
                write(settings.out, json.dumps(points, indent=1))
        finally:
            for c in workers:
                c.worker.close()
    publish_page(settings.out, report(points, [
        contest.data_fact(settings), contest.rounds_fact(settings),
        f"each engine with M {BUILD['M']}, efConstruction {BUILD['efConstruction']}; one thread",
        f"exact answers of {checked} questions as numpy has them", *contest.engine_facts(contestants)]))
    return points


def at(point, case, name):
    return (point["engine"], point["kind"], point["share"]) == (name, case.kind, case.share)


def report(points, lines):
    """The page: a table by wall time and one by CPU time."""
    by_cpu = [{**p, "per_cpu": 1e6 / p["cpu_us_per_query"]} for p in points]
    short = sum(p["missing"] > 0 for p in points if is_ours(p["engine"]))
    return "\n\n".join([
        "# Filtered search side by side", "\n".join(f"- {line}" for line in lines),
        f"## Queries a second at recall@10 {TARGET}", table(points, "qps1"),
        f"## Queries a CPU second at recall@10 {TARGET}", table(by_cpu, "per_cpu"),
        f"`< 10`: points of an engine with a question that had fewer than 10 answers, though more rows pass; "
        f"ours: {short} of {sum(is_ours(p['engine']) for p in points)}."]) + "\n"


def table(points, speed):
    """A line for each filter: the speed of each engine, ours also as a ratio to
    the best of the others."""
    names = list(by_engine(points))
    rows = []
    for kind, part in dict.fromkeys((p["kind"], p["share"]) for p in points):
        here = by_engine(p for p in points if (p["kind"], p["share"]) == (kind, part))
        readings = {name: read(ps, speed, TARGET) for name, ps in here.items()}
        best = max((r.qps for name, r in readings.items() if r and not is_ours(name)), default=None)
        cells = [cell(readings.get(name), here.get(name, ()), best if is_ours(name) else None) for name in names]
        rows.append([kind, f"{100 * part:g} %", *cells])
    return markdown(["filter", "rows", *names], rows)


def cell(reading, points, best):
    short = sum(p["missing"] > 0 for p in points)
    text = f"– (recall {max((p['recall10'] for p in points), default=0):.2f})"
    if reading:
        text = f"{reading.qps:,.0f}"
        if best:
            text += f" ({reading.qps / best:.1f} ×)"
    return text + (f", < 10: {short}" if short else "")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-filter: terminated"))
    try:
        run(Settings.read(os.environ, truth=False))
    except (SettingsError, WorkerError, OSError, ValueError) as e:
        sys.exit(f"bench-filter: {e}")
