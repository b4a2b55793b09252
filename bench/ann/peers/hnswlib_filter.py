"""hnswlib with a filter in C++: hnswlib_filter.cpp, compiled by setup."""

import ctypes

import numpy

from ann.engines import HNSWLIB_FILTER
from ann.peers.hnswlib_native import FLOATS, SIZE, Native


class HnswlibFilter(Native):
    def __init__(self):
        super().__init__(HNSWLIB_FILTER)
        self.lib.filter_build.restype = ctypes.c_void_p
        self.lib.filter_bytes.restype = ctypes.c_size_t
        self.index = None

    def load(self, base, query, metric):
        super().load(base, query, metric)
        self.asked = [(q, None) for q in range(len(query))]

    def select(self, columns, groups):
        """The questions are the groups' queries, each with the rows of its group."""
        self.asked = []
        for g in groups:
            out = ~((columns[g["column"]] >= g["low"]) & (columns[g["column"]] < g["high"]))
            bits = numpy.packbits(out, bitorder="little")
            words = numpy.frombuffer(bits.tobytes() + bytes(-len(bits) % 8), numpy.uint64)
            self.asked += [(q, words) for q in g["queries"]]

    def build(self, params, threads):
        self.close()
        rows, dim = self.base.shape
        self.index = self.lib.filter_build(
            self.base.ctypes.data_as(FLOATS), SIZE(rows), SIZE(dim), self.l2, SIZE(params["M"]),
            SIZE(params["efConstruction"]), threads)
        if not self.index:
            raise RuntimeError("hnswlib makes no index of this")

    def bytes(self):
        return self.lib.filter_bytes(ctypes.c_void_p(self.index)) - self.base.nbytes

    def prepare(self, search, lo, hi, k, threads):
        if threads != 1:
            raise ValueError(f"{threads} threads, 1 is supported")
        asked = self.asked[lo:hi]
        queries = numpy.ascontiguousarray(self.query[[q for q, _ in asked]])
        skip = (ctypes.c_void_p * len(asked))(*(None if s is None else s.ctypes.data for _, s in asked))
        return search["ef"], k, queries, skip, numpy.empty((len(asked), k), numpy.int64)

    def ask(self, batch, _threads):
        ef, k, queries, skip, ids = batch
        self.lib.filter_search(
            ctypes.c_void_p(self.index), queries.ctypes.data_as(FLOATS), SIZE(len(queries)), SIZE(ef), SIZE(k), skip,
            ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)))
        return ids

    def ids(self, answer):
        return answer

    def close(self):
        if self.index:
            self.lib.filter_free(ctypes.c_void_p(self.index))
            self.index = None
