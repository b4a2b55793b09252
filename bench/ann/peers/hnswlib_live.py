"""hnswlib's index growing while it is searched: hnswlib_live.cpp, compiled by setup."""

import ctypes
import importlib.metadata

import numpy

from ann.engines import HNSWLIB_LIVE
from ann.peers.processor import features

FLOATS = ctypes.POINTER(ctypes.c_float)
SIZE = ctypes.c_size_t


class HnswlibLive:
    isa = "compiled for this processor: " + features()

    def __init__(self):
        self.version = importlib.metadata.version("hnswlib")
        self.lib = ctypes.CDLL(HNSWLIB_LIVE)

    def load(self, base, query, metric):
        if metric == "COSINE":
            base, query = (x / numpy.maximum(numpy.linalg.norm(x, axis=1, keepdims=True), 1e-30)
                           for x in (base, query))
        self.base, self.query = (numpy.ascontiguousarray(x, numpy.float32) for x in (base, query))
        self.metric = metric

    def grow(self, params, threads, step, search, k):
        """Returns wall seconds, CPU seconds of adding and of searching, and searches."""
        rows, dim = self.base.shape
        out = (ctypes.c_double * 4)()
        if self.lib.live_grow(self.base.ctypes.data_as(FLOATS), SIZE(rows), SIZE(dim), int(self.metric == "L2"),
                              SIZE(params["M"]), SIZE(params["efConstruction"]), threads, SIZE(step),
                              self.query.ctypes.data_as(FLOATS), SIZE(len(self.query)),
                              SIZE(search.get("ef", 0)), SIZE(k), out):
            raise RuntimeError("hnswlib makes no index of this")
        return list(out)
