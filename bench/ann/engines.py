"""The engines by name: how a worker of each is started."""

import importlib.util
import os
import sys

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GO_WORKER = os.path.join(BENCH, "bin", "annworker")
HNSWLIB_LIVE = os.path.join(BENCH, "bin", "hnswlib_live.so")
HNSWLIB_FILTER = os.path.join(BENCH, "bin", "hnswlib_filter.so")

# The module that a peer of PyPI needs, by the engine's name.
MODULES = {
    "hnswlib": "hnswlib",
    "faiss-hnsw": "faiss",
    "faiss-hnsw-sq8": "faiss",
    "faiss-hnsw-sq8-refine": "faiss",
    "faiss-ivf-pq-fs": "faiss",
    "faiss-ivf-rabitq": "faiss",
    "usearch-f32": "usearch",
    "usearch-i8": "usearch",
    "qdrant-int8": "qdrant_edge",
}

# The same for those that only bench-filter and bench-live ask.
SPECIAL = {
    "hnswlib-filter": "hnswlib",
    "qdrant-filter": "qdrant_edge",
    "hnswlib-live": "hnswlib",
}

# What setup compiles for some of them.
COMPILED = {"hnswlib-filter": HNSWLIB_FILTER, "hnswlib-live": HNSWLIB_LIVE}


def is_peer(name):
    """Whether it is one of PyPI's, in C, C++ or Rust behind Python."""
    return name in MODULES or name in SPECIAL


def missing(name):
    """Why a worker of that name cannot be started here, or ""."""
    if is_peer(name):
        if name in COMPILED and not os.path.exists(COMPILED[name]):
            return f"{name}: {COMPILED[name]} is not built, run `make bench-ann-setup`"
        absent = [m for m in ("numpy", {**MODULES, **SPECIAL}[name]) if importlib.util.find_spec(m) is None]
        return f"{name}: {', '.join(absent)} not installed, run `make bench-ann-setup`" if absent else ""
    return "" if os.path.exists(GO_WORKER) else f"{name}: {GO_WORKER} is not built"


def command(name):
    """The command of a worker."""
    if is_peer(name):
        return [sys.executable, "-m", "ann.peer", name]
    return [GO_WORKER, "-engine", name]
