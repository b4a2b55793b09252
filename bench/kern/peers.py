"""The peers' kernels, as their wheels export them, called by shim.c."""

import ctypes
import ctypes.util
import os

import numpy as np

from . import memory

SHIM = os.path.join(os.path.dirname(__file__), "..", "bin", "libkernshim.so")
DOUBLE, SIZE, POINTER, INT = ctypes.c_double, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int


def same(elements):
    return elements


def offset(elements):
    """int8 as a scalar quantizer reads them: 0 stands for -128."""
    return (elements.astype(np.int64) & 255).astype(np.float64) - 128


class Peer:
    """burst(groups, scattered, repeats) returns nanoseconds; its last group's
    results are then in results()."""

    def __init__(self, name, burst, out, view=same):
        """view: what this peer takes the elements of a row for."""
        self.name, self._burst, self.out, self.view = name, burst, out, view

    def burst(self, groups, scattered, repeats):
        return self._burst(groups, scattered, repeats)

    def results(self):
        return self.out.astype(np.float64)


class Peers:
    def __init__(self, mem):
        self.mem = mem
        self.shim = ctypes.CDLL(os.path.abspath(SHIM))
        for name in ("pair", "returns", "many", "hammings", "object"):
            getattr(self.shim, "burst_" + name).restype = DOUBLE
        import faiss
        import numkong

        self.faiss_module = faiss
        self.faiss = ctypes.CDLL(os.path.join(os.path.dirname(faiss.__file__), "libfaiss.so"))
        self.numkong = ctypes.CDLL(numkong._numkong.__file__)
        self.numkong.nk_capabilities_available.restype = ctypes.c_uint64
        caps = self.numkong.nk_capabilities_available()
        self.numkong.nk_configure_thread(ctypes.c_uint64(caps))
        self.versions = {"faiss": faiss.__version__, "numkong": numkong.__version__}

    def all(self, elem, measure, dim):
        """What the peers have for it."""
        return [*self._numkong(elem, measure, dim), *self._faiss(elem, measure, dim)]

    def _numkong(self, elem, measure, dim):
        verb = {"L2": "sqeuclidean", "IP": "dot", "HAMMING": "hamming", "JACCARD": "jaccard"}.get(measure)
        kind = {"int8": "i8", "bits": "u1"}.get(elem, elem)
        f = getattr(self.numkong, f"nk_{verb}_{kind}", None)
        if verb is None or f is None:
            return
        if elem == "f32":
            kind = np.float64
        elif elem == "int8":
            kind = np.uint32 if measure == "L2" else np.int32
        else:
            kind = np.uint32 if measure == "HAMMING" else np.float32
        out = np.zeros(memory.GROUP, kind)
        query = memory.NARROW if elem in ("f16", "bf16") else memory.QUERY

        def burst(groups, scattered, repeats):
            return self.shim.burst_pair(f, self._at(query), *self._rows(elem, dim), SIZE(dim), *self._groups(groups),
                                        INT(scattered), SIZE(repeats), POINTER(out.ctypes.data), SIZE(out.itemsize))

        yield Peer("numkong", burst, out)

    def _faiss(self, elem, measure, dim):
        if elem == "f32":
            yield from self._faiss_floats(measure, dim)
        elif elem == "bits" and measure == "HAMMING":
            out = np.zeros(memory.GROUP, np.int32)
            f = self.faiss._ZN5faiss8hammingsEPKhS1_mmmPi

            def burst(groups, scattered, repeats):
                return self.shim.burst_hammings(f, self._at(memory.QUERY), *self._rows(elem, dim),
                                                *self._groups(groups), SIZE(repeats), POINTER(out.ctypes.data))

            yield Adjacent("faiss", burst, out)
        elif elem in ("f16", "bf16", "int8"):
            yield from self._faiss_quantizer(elem, measure, dim)

    def _faiss_floats(self, measure, dim):
        many = {"L2": "_ZN5faiss13fvec_L2sqr_nyEPfPKfS2_mm", "IP": "_ZN5faiss22fvec_inner_products_nyEPfPKfS2_mm"}
        pair = {"L2": "_ZN5faiss10fvec_L2sqrEPKfS1_m", "IP": "_ZN5faiss18fvec_inner_productEPKfS1_m"}
        out = np.zeros(memory.GROUP, np.float32)

        def burst_many(groups, scattered, repeats):
            return self.shim.burst_many(getattr(self.faiss, many[measure]), self._at(memory.QUERY),
                                        *self._rows("f32", dim), SIZE(dim), *self._groups(groups), SIZE(repeats),
                                        POINTER(out.ctypes.data))

        def burst_pair(groups, scattered, repeats):
            return self.shim.burst_returns(getattr(self.faiss, pair[measure]), self._at(memory.QUERY),
                                           *self._rows("f32", dim), SIZE(dim), *self._groups(groups), INT(scattered),
                                           SIZE(repeats), POINTER(out.ctypes.data))

        yield Adjacent("faiss", burst_many, out)
        yield Peer("faiss pair", burst_pair, out)

    def _faiss_quantizer(self, elem, measure, dim):
        """A scalar quantizer's distance computer, its codes replaced by our rows."""
        faiss = self.faiss_module
        kind = {"f16": "QT_fp16", "bf16": "QT_bf16", "int8": "QT_8bit_direct_signed"}[elem]
        metric = faiss.METRIC_L2 if measure == "L2" else faiss.METRIC_INNER_PRODUCT
        index = faiss.IndexScalarQuantizer(dim, getattr(faiss.ScalarQuantizer, kind), metric)
        index.train(np.zeros((1, dim), np.float32))
        index.add(np.zeros((1, dim), np.float32))
        computer = index.get_FlatCodesDistanceComputer()
        query = self.mem.values(elem, dim).astype(np.float32)
        computer.set_query(faiss.swig_ptr(query))
        object_at = int(computer.this)
        codes = ctypes.c_uint64.from_address(object_at + 8)
        if codes.value != int(computer.codes.this if hasattr(computer.codes, "this") else computer.codes):
            return  # laid out in another way than we know
        codes.value = self.mem.address(memory.ROWS)
        out = np.zeros(memory.GROUP, np.float32)
        keep = (index, computer, query)
        for name, by_four in (("faiss SQ", 0), ("faiss SQ by 4", 1)):

            def burst(groups, scattered, repeats, by_four=by_four, keep=keep):
                return self.shim.burst_object(POINTER(object_at), INT(by_four), *self._groups(groups), INT(scattered),
                                              SIZE(repeats), POINTER(out.ctypes.data))

            yield Peer(name, burst, out, offset if elem == "int8" else same)

    def _at(self, offset):
        return POINTER(self.mem.address(offset))

    def _rows(self, elem, dim):
        return self._at(memory.ROWS), SIZE(memory.row_size(elem, dim))

    def _groups(self, groups):
        return self._at(memory.AT), SIZE(groups)


class Adjacent(Peer):
    """A peer that has no form for rows here and there."""
