"""hnswlib's index growing while it is searched: hnswlib_live.cpp, compiled by setup."""

import ctypes

from ann.engines import HNSWLIB_LIVE
from ann.peers.hnswlib_native import FLOATS, SIZE, Native


class HnswlibLive(Native):
    def __init__(self):
        super().__init__(HNSWLIB_LIVE)

    def grow(self, params, threads, step, search, k):
        """Returns wall seconds, CPU seconds of adding and of searching, and searches."""
        rows, dim = self.base.shape
        out = (ctypes.c_double * 4)()
        if self.lib.live_grow(self.base.ctypes.data_as(FLOATS), SIZE(rows), SIZE(dim), self.l2,
                              SIZE(params["M"]), SIZE(params["efConstruction"]), threads, SIZE(step),
                              self.query.ctypes.data_as(FLOATS), SIZE(len(self.query)),
                              SIZE(search.get("ef", 0)), SIZE(k), out):
            raise RuntimeError("hnswlib makes no index of this")
        return list(out)
