"""`python -m ann.live`: rows a second into an index that is searched meanwhile, as
`make bench-live` runs it: ours as a growing segment has it, and hnswlib's."""

import json
import os
import signal
import statistics
import sys

from ann.contest import data_fact, engine_facts, present, publish_page, say, write
from ann.curve import is_ours
from ann.filtered import BUILD, Contestant
from ann.process import WorkerError
from ann.rounds import in_turn
from ann.settings import Settings, SettingsError
from ann.table import markdown

ENGINES = ("redkite-hnsw", "hnswlib-live")
STEP = 1000  # rows a call
EF = 64
CASES = ((1, {}), (2, {}), (1, {"ef": EF}))  # threads that add, and what is searched meanwhile


def run(settings):
    """The whole comparison: writes OUT and the page beside it, returns the points."""
    contestants, rounds = [], {}
    try:
        for name in present(settings, ENGINES, "{} has no growing index:"):
            contestants.append(Contestant(settings, name))
        for number in range(settings.rounds):
            for threads, search in CASES:
                for c in in_turn(contestants, number):
                    got = c.worker.call("grow", params=BUILD, threads=threads, step=STEP, search=search)
                    rounds.setdefault((c.name, threads, bool(search)), []).append(got)
            say(f"round {number + 1} of {settings.rounds} done")
    finally:
        for c in contestants:
            c.worker.close()
    points = [point(*key, got) for key, got in rounds.items()]
    write(settings.out, json.dumps(points, indent=1))
    publish_page(settings.out, report(points, [
        data_fact(settings),
        f"M {BUILD['M']}, efConstruction {BUILD['efConstruction']}, {STEP} rows a call; searches for 10 with ef {EF}; "
        f"median of {settings.rounds} rounds", *engine_facts(contestants)]))
    return points


def point(engine, threads, searched, rounds):
    """The medians of the rounds."""
    def middle(of):
        return statistics.median(of(r) for r in rounds)

    out = {"engine": engine, "threads": threads, "searched": searched,
           "rows_per_s": middle(lambda r: r["rows"] / r["wall_s"]),
           "rows_per_cpu_s": middle(lambda r: r["rows"] / r["cpu_s"])}
    if searched:
        out["qps"] = middle(lambda r: r["queries"] / r["wall_s"])
        out["queries_per_cpu_s"] = middle(lambda r: r["queries"] / r["search_cpu_s"])
    return out


def report(points, lines):
    """The page."""
    peers = {(p["threads"], p["searched"]): p for p in points if not is_ours(p["engine"])}
    rows = []
    for p in points:
        peer = peers.get((p["threads"], p["searched"])) if is_ours(p["engine"]) else None
        rows.append([p["engine"], str(p["threads"]), "1" if p["searched"] else "–",
                     *(cell(p, peer, k) for k in ("rows_per_s", "rows_per_cpu_s", "qps", "queries_per_cpu_s"))])
    head = ["engine", "threads that add", "that search", "rows / s", "rows / CPU s", "queries / s", "queries / CPU s"]
    return "\n\n".join(["# Growing indexes side by side", "\n".join(f"- {x}" for x in lines), markdown(head, rows)]) + "\n"


def cell(p, peer, key):
    if key not in p:
        return "–"
    return f"{p[key]:,.0f}" + (f" ({p[key] / peer[key]:.1f} ×)" if peer else "")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-live: terminated"))
    try:
        run(Settings.read(os.environ, truth=False))
    except (SettingsError, WorkerError, OSError) as e:
        sys.exit(f"bench-live: {e}")
