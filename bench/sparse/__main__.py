"""`python -m sparse`: one comparison, as `make bench-sparse` runs it."""

import os
import platform
import signal
import sys
import tempfile

from ann import engines
from ann.contest import THREADS, say
from ann.process import Worker, WorkerError
from ann.recall import K
from ann.rounds import Rounds, in_turn
from ann.settings import SettingsError, number
from ann.table import markdown
from sparse import corpus as texts

OURS = "redkite-sparse-inverted-index"
SCALARS = {"bm25_k1": texts.K1, "bm25_b": texts.B}


class Contestant:
    def __init__(self, name, worker, params, search):
        self.name, self.worker, self.search = name, worker, search
        self.version = worker.call("info")["version"]
        self.params = params
        self.rounds = Rounds(worker, search, THREADS)

    def build(self):
        self.built = self.worker.call("build", params=self.params, threads=max(THREADS))
        say(f"{self.name} {self.version}: built in {self.built['wall_s']:.1f} s")

    def answers(self, folder):
        import numpy

        path = os.path.join(folder, self.name)
        self.worker.call("dump", search=self.search, threads=1, path=path)
        return numpy.fromfile(path, "<i4").reshape(-1, K)


def start(name, corpus, folder, path, rows, keep):
    if name != OURS:
        command = [sys.executable, "-m", "sparse.peers", name, path, str(rows), str(keep)]
        return Contestant(name, Worker(name, command), {}, {})
    base, query = os.path.join(folder, "base"), os.path.join(folder, "query")
    texts.write_base(base, corpus)
    texts.write_queries(query, corpus)
    worker = Worker(name, engines.command(name))
    worker.call("load", base=base, query=query, metric="BM25")
    return Contestant(name, worker, {**SCALARS, "bm25_avgdl": corpus.avgdl}, {"bm25_avgdl": corpus.avgdl})


def table(contestants, right):
    """One line an engine; in brackets: to the best peer."""
    speeds = {c.name: c.rounds.medians() for c in contestants}
    peers = [speeds[c.name] for c in contestants if c.name != OURS]
    rows = []
    for c in contestants:
        own, cells = speeds[c.name], []
        for key in [f"qps{t}" for t in THREADS] + ["cpu_us_per_query"]:
            text = f"{own[key]:,.0f}"
            if c.name == OURS and peers:
                ratio = (min(p[key] for p in peers) / own[key] if key == "cpu_us_per_query" else
                         own[key] / max(p[key] for p in peers))
                text += f" ({ratio:.1f} ×)"
            cells.append(text)
        rows.append([f"{c.name} {c.version}", f"{100 * right[c.name]:.1f} %", *cells, f"{100 * own['spread1']:.0f} %",
                     f"{c.built['wall_s']:.1f} / {c.built['cpu_s']:.1f}"])
    return markdown(["engine", "exact top 10", "QPS, 1 thread", "2 threads", "CPU µs a query", "spread",
                     "build s, wall / CPU"], rows)


def run(env):
    from sparse.truth import Truth

    path = os.path.abspath(env["TEXTS"])
    rows, keep = number(env, "ROWS", int, 1_000_000, 1), number(env, "KEEP", float, 1, 0)
    rounds, seconds = number(env, "ROUNDS", int, 3, 1), number(env, "SECONDS", float, 2, 0)
    names = env.get("ENGINES", f"{OURS} tantivy bm25s").replace(",", " ").split()
    corpus, _ = texts.read(path, rows, keep)
    say(f"{corpus.rows:,} rows of {corpus.avgdl:.2f} words, {len(corpus.queries):,} queries")
    contestants = []
    with tempfile.TemporaryDirectory(prefix="sparse-") as folder:
        try:
            for name in names:
                contestants.append(start(name, corpus, folder, path, rows, keep))
                contestants[-1].build()
            right = Truth(corpus).agreement({c.name: c.answers(folder) for c in contestants})
            say("answers compared: " + ", ".join(f"{n} {100 * share:.1f} %" for n, share in right.items()))
            for turn in range(rounds):
                for c in in_turn(contestants, turn):
                    c.rounds.time(seconds)
                say(f"round {turn + 1} of {rounds} done")
        finally:
            for c in contestants:
                c.worker.close()
    print(f"{corpus.rows:,} rows of {corpus.avgdl:.2f} words (KEEP={keep:g}), {len(corpus.queries):,} queries, BM25, k = 10; "
          f"{platform.machine()}, {os.cpu_count()} processors; median of {rounds} rounds of {seconds:g} s at least\n")
    print(table(contestants, right))
    if right.get(OURS, 1) != 1:
        raise WorkerError(f"{OURS}: only {100 * right[OURS]:.2f} % of the queries have the exact answers")


if __name__ == "__main__":
    if not os.environ.get("TEXTS"):
        sys.exit("bench-sparse: not given: TEXTS")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-sparse: terminated"))
    try:
        run(os.environ)
    except (SettingsError, WorkerError, OSError, ValueError) as e:
        sys.exit(f"bench-sparse: {e}")
