"""The comparison as text: tables in markdown."""

import statistics

from ann.curve import TARGETS, by_engine, is_ours, read

SPEEDS = (("qps1", "one thread"), ("qps2", "two threads"))


def speed_table(points, speed):
    """Queries a second at the target recalls; ours with the ratio to the best peer."""
    engines = by_engine(points)
    readings = {e: [read(ps, speed, t) for t in TARGETS] for e, ps in engines.items()}
    best = [max((r[i].qps for e, r in readings.items() if r[i] and not is_ours(e)), default=None)
            for i in range(len(TARGETS))]
    rows = []
    for e in sorted(engines, key=lambda e: (not is_ours(e), [-(r.qps if r else 0) for r in readings[e]][::-1])):
        rows.append([e] + [cell(r, best[i], is_ours(e)) for i, r in enumerate(readings[e])]
                    + [f"{max(p['recall10'] for p in engines[e]):.4f}"])
    return markdown(["engine"] + [f"recall@10 {t:.2f}" for t in TARGETS] + ["best recall"], rows)


def cell(reading, best, ours):
    if reading is None:
        return "–"
    text = ("≥ " if reading.at_least else "") + f"{reading.qps:,.0f}"
    if ours and best:
        text += f" ({reading.qps / best:.2f} ×)"
    return text


def build_table(points):
    """What each engine's builds cost: one line for each set of build parameters."""
    seen, rows = set(), []
    for p in points:
        key = (p["engine"], text_of(p["build"]))
        if key not in seen:
            seen.add(key)
            rows.append([*key, f"{p['build_cpu_s']:.1f}", f"{p['build_wall_s']:.1f}", f"{p['bytes_per_vector']:.0f}"])
    return markdown(["engine", "build", "CPU s", "wall s", "bytes a vector"], rows)


def spread_line(points):
    """How far the rounds lie apart, (max - min) / median."""
    spreads = sorted(p[k] for p in points for k in ("spread1", "spread2"))
    if not any(spreads):
        return "One round: no spread."
    return (f"Spread of a point's rounds: median {100 * statistics.median(spreads):.1f} %, "
            f"largest {100 * spreads[-1]:.1f} %.")


def text_of(params):
    return " ".join(f"{k} {v}" for k, v in params.items()) or "–"


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def report(points, facts):
    """The whole page; facts are lines about the run."""
    parts = ["# Vector indexes side by side", "\n".join(f"- {f}" for f in facts)]
    for speed, name in SPEEDS:
        parts += [f"## Queries a second, {name}", speed_table(points, speed)]
    by_cpu = [{**p, "per_cpu": 1e6 / p["cpu_us_per_query"]} for p in points]
    parts += ["## Queries a CPU second, one thread", speed_table(by_cpu, "per_cpu")]
    parts += ["## Builds", build_table(points), spread_line(points)]
    return "\n\n".join(parts) + "\n"
