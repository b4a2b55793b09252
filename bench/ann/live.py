"""`python -m ann.live`: rows a second into an index that is searched meanwhile, as
`make bench-live` runs it: ours as a growing segment has it, and hnswlib's."""

import json
import os
import signal
import statistics
import sys

from ann import engines
from ann.contest import facts, say, write
from ann.curve import is_ours
from ann.filtered import BUILD, Contestant
from ann.process import WorkerError
from ann.settings import Settings, SettingsError
from ann.table import markdown

ENGINES = ("redkite-hnsw", "hnswlib-live")
STEP = 1000  # rows a call
EF = 64
CASES = ((1, {}), (2, {}), (1, {"ef": EF}))  # threads that add, and what is searched meanwhile


def run(settings):
    """The whole comparison: writes OUT and the page beside it, returns the points."""
    for name in settings.engines:
        if name not in ENGINES:
            raise SettingsError(f"ENGINES: {name!r} has no growing index: one of {', '.join(ENGINES)}")
    contestants, rounds = [], {}
    try:
        for name in settings.engines or ENGINES:
            why = engines.missing(name)
            if why:
                say(f"left out: {why}")
                continue
            contestants.append(Contestant(settings, name))
        for number in range(settings.rounds):
            for threads, search in CASES:
                for i in range(len(contestants)):
                    c = contestants[(i + number) % len(contestants)]
                    got = c.worker.call("grow", params=BUILD, threads=threads, step=STEP, search=search)
                    rounds.setdefault((c.name, threads, bool(search)), []).append(got)
            say(f"round {number + 1} of {settings.rounds} done")
    finally:
        for c in contestants:
            c.worker.close()
    points = [point(*key, got) for key, got in rounds.items()]
    write(settings.out, json.dumps(points, indent=1))
    page = report(points, facts(settings, [])[:1] + [
        f"M {BUILD['M']}, efConstruction {BUILD['efConstruction']}, {STEP} rows a call; searches for 10 with ef {EF}; "
        f"median of {settings.rounds} rounds"] + [
        f"{c.name}: {c.about['version']}, {c.about['isa']}" for c in contestants])
    write(os.path.splitext(settings.out)[0] + ".md", page)
    print(page)
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
