"""Which parameters each engine is measured with: the same for all that have them."""

import math
from dataclasses import dataclass

DEGREES = (12, 16, 24, 32)  # M: links of a node, twice as many in level 0
CONSTRUCTION = (200, 400)  # efConstruction
BREADTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)  # ef
SEARCH_LISTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)  # search_list of DISKANN
TREES = (8, 32, 64)  # n_trees of ANNOY
SEARCH_KS = (100, 200, 400, 800, 1600, 3200, 6400, 12800)  # search_k
PROBES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # nprobe
REFINES = (2, 4)  # candidates re-ranked, in multiples of k, by graphs
IVF_REFINES = (4, 16)  # the same by inverted lists, whose codes are coarser
OVERSAMPLING = (1.0, 2.0)  # Qdrant's name for the same


@dataclass(frozen=True)
class Grid:
    """Each build is measured along each ladder, whose steps go from quick to exact."""

    builds: list  # of parameters
    ladders: list  # of lists of parameters


def default_grids(rows, dim, small):
    """The grid of each known engine, by name, for that many rows."""
    graphs = [{"M": m, "efConstruction": c} for c in CONSTRUCTION for m in DEGREES]
    if small:
        graphs = [{"M": 16, "efConstruction": 200}]
    lists = [{"nlist": n} for n in list_counts(rows, small)]
    breadths = [{"ef": ef} for ef in BREADTHS]

    def times(key, values, steps):
        return [[{**step, key: v} for step in steps] for v in values]

    def probes(refines):
        return times("k_factor", refines, [{"nprobe": p} for p in PROBES])

    graph = Grid(graphs, [breadths])
    inverted = Grid(lists, [[{"nprobe": p} for p in PROBES]])
    refined = Grid(graphs, times("k_factor", REFINES, breadths))
    return {
        "redkite-flat": Grid([{}], [[{}]]),
        "redkite-hnsw": graph,
        "redkite-diskann": Grid([{"max_degree": d} for d in ((56,) if small else (32, 56))], [[{"search_list": n} for n in SEARCH_LISTS]]),
        "redkite-annoy": Grid([{"n_trees": n} for n in (TREES[:1] if small else TREES)], [[{"search_k": n} for n in SEARCH_KS]]),
        **{f"redkite-hnsw-{codes}": graph for codes in ("sq4u", "sq6", "sq8", "fp16", "bf16", "pq", "prq")},
        "redkite-ivf-flat": inverted,
        "redkite-ivf-sq8": inverted,
        "redkite-ivf-pq": Grid([{**b, "m": next(m for m in (dim // 4, dim // 2, dim) if m and dim % m == 0)} for b in lists], inverted.ladders),
        "redkite-ivf-rabitq": inverted,
        "redkite-scann": inverted,
        "redkite-ivf-rabitq-fastscan": inverted,
        "hnswlib": graph,
        "faiss-hnsw": graph,
        "faiss-hnsw-sq8": graph,
        "faiss-hnsw-sq8-refine": refined,
        "faiss-ivf-pq-fs": Grid([{**b, "pq_m": dim // 2 if dim % 2 == 0 else dim} for b in lists], probes(IVF_REFINES)),
        "faiss-ivf-rabitq": Grid([{**b, "bits": n} for n in (1, 4) for b in lists], probes(IVF_REFINES)),
        "usearch-f32": graph,
        "usearch-i8": graph,
        "qdrant-int8": Grid(graphs, times("oversampling", OVERSAMPLING, breadths)),
        "coder-hnsw": graph,
    }


def list_counts(rows, small):
    """Numbers of inverted lists: 4 roots of the rows, and half and twice as many,
    but each list has to have 39 rows to be trained on, as faiss wants it."""
    factors = (4,) if small else (2, 4, 8)
    return sorted({max(1, min(int(f * math.sqrt(rows)), rows // 39)) for f in factors})
