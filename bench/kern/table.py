"""The page of the figures."""

import platform

OURS = ("avx512vnni", "avx512", "avx2", "neondot", "neon", "portable")
TITLES = {
    "hot": "In the cache: the same 64 adjacent rows over and over",
    "cold": "From memory: 64 adjacent rows that were not read for long",
    "scattered": "From memory: 64 rows here and there, as a graph asks for them",
}
NAMES = {"bits": "binary"}


def machine():
    """The processor's name and what was found of its caches."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            fields = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines() if ":" in line)
        keys = {k.strip(): v.strip() for k, v in fields.items()}
        name = f"{keys.get('model name', name)} (family {keys.get('cpu family')}, model {keys.get('model')})"
    except OSError:
        pass
    return name


def rows(points, mode):
    """A row of cells for each type, measure and dimension: the kernels' times, the
    best peer's, and how much of that ours need."""
    ours = [k for k in OURS if any(p["kernels"] == k for p in points)]
    grid = {}
    for p in points:
        if p["memory"] == mode:
            grid.setdefault((p["element"], p["measure"], p["dim"]), {})[p["kernels"]] = p["ns_per_row"]
    for (element, measure, dim), times in grid.items():
        peers = {k: ns for k, ns in times.items() if k not in OURS}
        best = min(times[k] for k in ours[:-1]) if len(ours) > 1 else times[ours[0]]
        faiss = min((ns for k, ns in peers.items() if k.startswith("faiss")), default=None)
        cells = [NAMES.get(element, element), measure, str(dim)]
        cells += [number(times.get(k)) for k in ours]
        cells += [number(peers.get("numkong")), number(faiss)]
        cells.append(f"{best / min(peers.values()):.2f}" if peers else "–")
        cells.append(f"{times['portable'] / best:.1f}")
        yield ours, cells


def number(ns):
    if ns is None:
        return "–"
    return f"{ns:.2f}" if ns < 10 else f"{ns:.1f}"


def page(result):
    """The figures as Markdown, without the words around them."""
    out = [f"{result['machine']}; faiss {result['faiss']}, numkong {result['numkong']}; "
           f"the least of {result['rounds']} bursts of each, in turn."]
    for mode, title in TITLES.items():
        lines = list(rows(result["points"], mode))
        if not lines:
            continue
        head = ["type", "measure", "d", *lines[0][0], "numkong", "faiss", "of the best peer", "× portable"]
        out += ["", f"## {title}", "", "| " + " | ".join(head) + " |", "|---" * 3 + "|---:" * (len(head) - 3) + "|"]
        out += ["| " + " | ".join(cells) + " |" for _, cells in lines]
    return "\n".join(out) + "\n"
