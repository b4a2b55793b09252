"""hnswlib behind a C interface of ours, compiled by setup."""

import ctypes
import importlib.metadata

import numpy

from ann.peers.processor import features

FLOATS = ctypes.POINTER(ctypes.c_float)
SIZE = ctypes.c_size_t


class Native:
    isa = "compiled for this processor: " + features()

    def __init__(self, library):
        self.version = importlib.metadata.version("hnswlib")
        self.lib = ctypes.CDLL(library)

    def load(self, base, query, metric):
        """COSINE is the inner product of unit vectors, as its Python binding has it."""
        if metric == "COSINE":
            base, query = (x / numpy.maximum(numpy.linalg.norm(x, axis=1, keepdims=True), 1e-30)
                           for x in (base, query))
        self.base, self.query = (numpy.ascontiguousarray(x, numpy.float32) for x in (base, query))
        self.l2 = int(metric == "L2")
