"""make bench-kernels: times every kernel and writes OUT.json and OUT.md."""

import json
import os
import sys

import numpy as np

from . import memory, table
from .contest import Contest
from .memory import Memory
from .ours import Worker
from .peers import Peers

JOBS = [(e, m) for e in ("f32", "f16", "bf16", "int8") for m in ("L2", "IP")]
JOBS += [("bits", m) for m in ("HAMMING", "JACCARD", "SUBSTRUCTURE", "SUPERSTRUCTURE")]
DIMS = (128, 384, 768, 1536)
MODES = ("hot", "cold", "scattered")


def words(name, default):
    return os.environ[name].replace(",", " ").split() if os.environ.get(name) else default


def main():
    out, rounds = os.environ.get("OUT") or "kernels.json", int(os.environ.get("ROUNDS") or 60)
    elements, dims = words("ELEMENTS", None), [int(d) for d in words("DIMS", DIMS)]
    mem = Memory()
    worker, peers = Worker(mem), Peers(mem)
    points, filled = [], None
    for elem, measure in JOBS:
        if elements and elem not in elements:
            continue
        if filled != elem:
            mem.fill(elem)
            filled = elem
        for dim in dims:
            contest = Contest(mem, elem, measure, dim, [*worker.all(elem, measure, dim), *peers.all(elem, measure, dim)])
            contest.check()
            for mode in words("MODES", MODES):
                best = contest.run(mode, rounds)
                points += [{"element": elem, "measure": measure, "dim": dim, "memory": mode, "kernels": name,
                            "ns_per_row": round(ns, 3)} for name, ns in best.items()]
            print(f"{elem} {measure} {dim}: " + "  ".join(
                f"{p['kernels']} {p['ns_per_row']:.2f}" for p in points
                if (p["element"], p["measure"], p["dim"], p["memory"]) == (elem, measure, dim, "hot")), file=sys.stderr)
    versions = peers.versions
    worker.close()
    mem.close()
    result = {"machine": table.machine(), "group": memory.GROUP, "rounds": rounds, "numpy": np.__version__, **versions,
              "points": points}
    with open(out, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    text = table.page(result)
    with open(os.path.splitext(out)[0] + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
