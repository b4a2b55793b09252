"""`python -m sparse`: one comparison, as `make bench-sparse` runs it."""

import os
import platform
import statistics
import sys
import tempfile
import time

from ann import engines
from ann.process import Worker, WorkerError
from sparse import corpus as texts

THREADS = (1, 2)
OURS = "redkite-sparse-inverted-index"
SCALARS = {"bm25_k1": texts.K1, "bm25_b": texts.B}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Contestant:
    def __init__(self, name, worker, params, search):
        self.name, self.worker, self.search = name, worker, search
        self.version = worker.call("info")["version"]
        self.params = params
        self.rates = {t: [] for t in THREADS}
        self.cpu = []

    def build(self):
        self.built = self.worker.call("build", params=self.params, threads=max(THREADS))
        say(f"{self.name} {self.version}: built in {self.built['wall_s']:.1f} s")

    def answers(self, folder):
        import numpy

        path = os.path.join(folder, self.name)
        self.worker.call("dump", search=self.search, threads=1, path=path)
        return numpy.fromfile(path, "<i4").reshape(-1, 10)

    def time(self, seconds):
        for threads in THREADS:
            got = self.worker.call("run", search=self.search, threads=threads, seconds=seconds)
            self.rates[threads].append(got["queries"] / got["wall_s"])
            if threads == 1:
                self.cpu.append(1e6 * got["cpu_s"] / got["queries"])


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
    qps = {c.name: {t: statistics.median(c.rates[t]) for t in THREADS} for c in contestants}
    peers = [c.name for c in contestants if c.name != OURS]
    lines = ["| engine | exact top 10 | QPS, 1 thread | 2 threads | CPU µs a query | spread | build s, wall / CPU |",
             "|---|---|---|---|---|---|---|"]
    for c in contestants:
        ratio = ""
        cells = []
        for t in THREADS:
            if c.name == OURS and peers:
                ratio = f" ({qps[c.name][t] / max(qps[p][t] for p in peers):.1f} ×)"
            cells.append(f"{qps[c.name][t]:,.0f}{ratio}")
        rates, cpu = c.rates[1], f"{statistics.median(c.cpu):,.0f}"
        if ratio:
            least = min(statistics.median(p.cpu) for p in contestants if p.name != OURS)
            cpu += f" ({least / statistics.median(c.cpu):.1f} ×)"
        spread = 100 * (max(rates) - min(rates)) / statistics.median(rates)
        lines.append(f"| {c.name} {c.version} | {100 * right[c.name]:.1f} % | {' | '.join(cells)} | {cpu} | {spread:.0f} % | "
                     f"{c.built['wall_s']:.1f} / {c.built['cpu_s']:.1f} |")
    return lines


def run(env):
    from sparse.truth import Truth

    path = os.path.abspath(env["TEXTS"])
    rows, keep = int(env.get("ROWS", 1_000_000)), float(env.get("KEEP", 1))
    rounds, seconds = int(env.get("ROUNDS", 3)), float(env.get("SECONDS", 2))
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
            for number in range(rounds):
                for i in range(len(contestants)):
                    contestants[(i + number) % len(contestants)].time(seconds)
                say(f"round {number + 1} of {rounds} done")
        finally:
            for c in contestants:
                c.worker.close()
    print(f"{corpus.rows:,} rows of {corpus.avgdl:.2f} words (KEEP={keep:g}), {len(corpus.queries):,} queries, BM25, k = 10; "
          f"{platform.machine()}, {os.cpu_count()} processors; median of {rounds} rounds of {seconds:g} s at least\n")
    print("\n".join(table(contestants, right)))
    if right.get(OURS, 1) != 1:
        raise WorkerError(f"{OURS}: only {100 * right[OURS]:.2f} % of the queries have the exact answers")


if __name__ == "__main__":
    if not os.environ.get("TEXTS"):
        sys.exit("bench-sparse: not given: TEXTS")
    try:
        run(os.environ)
    except (WorkerError, OSError, ValueError) as e:
        sys.exit(f"bench-sparse: {e}")
