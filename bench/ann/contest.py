"""The contest: workers side by side, timed in turn, round after round."""

import json
import os
import platform
import sys
import tempfile
import time

from ann import engines, recall, table
from ann.grid import Grid, default_grids
from ann.process import HUGE_PAGES, Worker, WorkerError
from ann.rounds import Rounds, in_turn, part
from ann.settings import SettingsError

THREADS = (1, 2)
ENOUGH = 0.998  # a ladder ends behind the first step of that recall
TRIALS = 3  # of each kind of page, when the better one is looked for


class Contestant:
    """An engine, its worker and what was measured."""

    def __init__(self, settings, name, grid):
        self.settings, self.name, self.grid = settings, name, grid
        self.worker = self.start(huge=settings.huge == "1" and engines.is_peer(name))
        self.about = self.worker.call("info")
        self.points = []

    def start(self, huge):
        worker = Worker(self.name, engines.command(self.name), huge)
        s = self.settings
        got = worker.call("load", base=os.path.abspath(s.base), query=os.path.abspath(s.query), dim=s.dim,
                          metric=s.metric)
        if (got["rows"], got["queries"]) != (s.rows, s.queries):
            raise SettingsError(f"{self.name} read {got['rows']} rows, {got['queries']} queries")
        return worker

    def build(self, slot):
        """Makes the slot's index. The first one is made with and without huge
        pages, if that is to be found out, and the quicker one kept."""
        self.params = self.grid.builds[slot]
        self.built = self.worker.call("build", params=self.params, threads=max(THREADS))
        if slot or self.settings.huge != "auto" or not engines.is_peer(self.name) or sys.platform != "linux":
            return
        plain, other = (self.worker, self.built), self.start(huge=True)
        huge = (other, other.call("build", params=self.params, threads=max(THREADS)))
        spent = {False: 0.0, True: 0.0}
        ladder = self.grid.ladders[0]
        for _ in range(TRIALS):
            for worker, _built in (plain, huge):
                got = worker.call("run", search=ladder[len(ladder) // 2], threads=1,
                                  seconds=self.settings.seconds / 2, queries=min(self.settings.queries, 1000))
                spent[worker.huge] += got["cpu_s"] / got["queries"]
        (self.worker, self.built), loser = (huge, plain) if spent[True] < spent[False] else (plain, huge)
        loser[0].close()
        say(f"{self.name}: huge pages take {100 * spent[True] / spent[False]:.0f} % of the CPU, "
            f"{'kept' if self.worker.huge else 'not used'}")

    def climb(self, truth, folder):
        """Measures the recall along each ladder; returns the points to be timed."""
        points = []
        for ladder in self.grid.ladders:
            for search in ladder:
                number = len(self.points) + len(points)  # of this engine's points so far
                name = f"{self.name}-{number}.i32"
                path = os.path.join(os.path.abspath(folder), name)
                got = self.worker.call("dump", search=search, threads=max(THREADS), path=path)
                point = {
                    "engine": self.name, "params": {**self.params, **search}, "build": self.params,
                    "recall10": recall.recall(recall.read_ids(path), truth), "answers": name,
                    "build_cpu_s": self.built["cpu_s"], "build_wall_s": self.built["wall_s"],
                    "bytes_per_vector": self.built.get("bytes_per_vector", 0.0),
                }
                if self.worker.huge:
                    point["params"]["hugetlb"] = 1
                queries = part(self.settings.queries, got["wall_s"] * max(THREADS), self.settings.seconds)
                points.append(Timed(point, Rounds(self.worker, search, THREADS, queries)))
                if point["recall10"] >= ENOUGH:
                    break
        return points


class Timed:
    """A point and its rounds."""

    def __init__(self, point, rounds):
        self.point, self.rounds = point, rounds

    def finish(self):
        """The point with the medians of its rounds."""
        return {**self.point, **self.rounds.medians()}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def choose(settings):
    """The engines to run and their grids."""
    grids = default_grids(settings.rows, settings.dim, settings.grid == "small")
    grids.update({name: Grid(**g) for name, g in settings.params.items()})
    return {name: grids[name] for name in present(settings, grids, "no parameters for {}; give PARAMS, or take")}


def present(settings, known, refusal):
    """The engines to run, of those that are known. One that was asked for has to be
    there; without a choice, those that are there are taken. refusal: what is said
    of a name that is not known, before the known ones."""
    names = []
    for name in settings.engines or known:
        if name not in known:
            raise SettingsError(f"ENGINES: {refusal.format(repr(name))} one of {', '.join(known)}")
        why = engines.missing(name)
        if why and settings.engines:
            raise SettingsError(f"ENGINES: {why}")
        if why:
            say(f"left out: {why}")
        else:
            names.append(name)
    if not names:
        raise SettingsError("no engine is there: run `make bench-ann-setup`")
    return names


def run(settings):
    """The whole comparison: writes OUT after each build and, in the end, the
    tables and pictures beside it. An engine that fails is left out from there on;
    the rest is finished before the WorkerError. Returns the points."""
    truth = recall.truth_sets(settings.truth)
    chosen = choose(settings)
    points, contestants, failures = [], [], {}
    with tempfile.TemporaryDirectory(prefix="ann-") as scratch:
        folder = settings.dump or scratch
        os.makedirs(folder, exist_ok=True)
        try:
            for name, grid in chosen.items():
                contestants.append(Contestant(settings, name, grid))
                about = contestants[-1].about
                say(f"{name}: {about['version']}, {about['isa']}")
            for slot in range(max(len(g.builds) for g in chosen.values())):
                fit = [c for c in contestants if c.name not in failures and slot < len(c.grid.builds)]
                points += compete(settings, fit, slot, truth, folder, failures)
                write(settings.out, json.dumps(points, indent=1))
        finally:
            for c in contestants:
                c.worker.close()
    lines = facts(settings, contestants) + [f"FAILED: {f}" for f in failures.values()]
    publish(settings, points, lines)
    if failures:
        raise WorkerError("; ".join(failures.values()))
    return points


def compete(settings, contestants, slot, truth, folder, failures):
    """One build of each contestant, then the rounds. Steps of the same number are
    timed one after the other, and each round begins with another engine. Who
    fails goes into failures and has no points of this build."""
    timed = {}
    for c in contestants:
        attempt(c, failures, lambda c=c: c.build(slot))
        if c.name not in failures:
            timed[c] = attempt(c, failures, lambda c=c: c.climb(truth, folder))
        if c.name not in failures:
            say(f"{c.name} {table.text_of(c.params)}: built in {c.built['wall_s']:.1f} s, recall@10 "
                f"{timed[c][0].point['recall10']:.3f} to {max(t.point['recall10'] for t in timed[c]):.4f}")
    for number in range(settings.rounds):
        for step in range(max((len(t) for t in timed.values() if t), default=0)):
            for c in in_turn(contestants, number):
                if c.name not in failures and step < len(timed[c]):
                    attempt(c, failures, lambda c=c, step=step: timed[c][step].rounds.time(settings.seconds))
        say(f"round {number + 1} of {settings.rounds} done")
    own = [[t.finish() for t in timed[c]] for c in contestants if c.name not in failures]
    for c in contestants:
        if c.name not in failures:
            c.points += timed[c]
    return [p for points in own for p in points]


def attempt(contestant, failures, do):
    """What do returns; a WorkerError goes into failures."""
    try:
        return do()
    except WorkerError as e:
        say(f"FAILED: {e}")
        failures[contestant.name] = str(e)
        return None


def facts(settings, contestants):
    """Lines about the run."""
    return [
        data_fact(settings), rounds_fact(settings),
        "best points over the whole grid; log-linear between measured points; in brackets: to the best peer",
        *engine_facts(contestants),
    ]


def data_fact(settings):
    return (f"{os.path.basename(os.path.dirname(os.path.abspath(settings.base)))}/{os.path.basename(settings.base)}: "
            f"{settings.rows:,} rows of dimension {settings.dim}, {settings.metric}; {settings.queries:,} queries, k = 10")


def rounds_fact(settings):
    return (f"{platform.platform()}, {os.cpu_count()} processors; median of {settings.rounds} rounds, "
            f"each point at least {settings.seconds:g} s a round")


def engine_facts(contestants):
    lines = []
    for c in contestants:
        pages = f"; with {HUGE_PAGES}" if c.worker.huge else ""
        lines.append(f"{c.name}: {c.about['version']}, {c.about['isa']}{pages}")
    return lines


def publish(settings, points, lines):
    """Writes the page and, if matplotlib is there, the pictures."""
    publish_page(settings.out, table.report(points, lines))
    stem = os.path.splitext(settings.out)[0]
    try:
        from ann import plot
        plot.draw(points, lines[0], [stem + ".svg", stem + ".png"])
    except ImportError as e:
        say(f"no picture: {e}")


def publish_page(out, page):
    """Writes the page beside OUT, and prints it."""
    write(os.path.splitext(out)[0] + ".md", page)
    print(page)


def write(path, text):
    """Replaces a file as a whole."""
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".tmp", path)
