"""The memory that ours and the peers' kernels read: a file that both map."""

import mmap
import os
import tempfile

import numpy as np

GROUP = 64  # rows a call
AT, QUERY, NARROW, ROWS = 0, 1 << 20, (1 << 20) + (1 << 18), 1 << 21  # where things begin
ROWS_BYTES = 192 << 20  # several times the last cache


class Memory:
    """at: the first row of each group, or every row of scattered groups. query: as
    float32, int8 or bits. narrow: for f16 and bf16 the same query in 16 bits."""

    def __init__(self, folder=None):
        if folder is None and os.access("/dev/shm", os.W_OK):
            folder = "/dev/shm"
        self.file = tempfile.NamedTemporaryFile(prefix="bench-kernels-", dir=folder)
        self.file.truncate(ROWS + ROWS_BYTES)
        self.map = mmap.mmap(self.file.fileno(), ROWS + ROWS_BYTES)
        self.bytes = np.frombuffer(self.map, np.uint8)
        self.at = self.bytes[AT:QUERY].view(np.uint32)
        self.rng = np.random.default_rng(1)

    @property
    def name(self):
        return self.file.name

    def address(self, offset):
        return self.bytes.ctypes.data + offset

    def fill(self, elem):
        """A random query and rows; they have the same bytes for every dimension."""
        query, rows = self._random(elem, 4096), self._random(elem, 1 << 20)
        data = self.bytes[ROWS:]
        tile = rows.view(np.uint8).ravel()
        for begin in range(0, len(data), len(tile)):
            part = data[begin:begin + len(tile)]
            part[:] = tile[:len(part)]
        if elem in ("f16", "bf16"):
            self._put(NARROW, query)
            query = widen(elem, query)
        self._put(QUERY, query)

    def _put(self, offset, values):
        raw = values.view(np.uint8)
        self.bytes[offset:offset + len(raw)] = raw

    def _random(self, elem, n):
        if elem in ("int8", "bits"):
            return self.rng.integers(0, 256, n, np.uint8)
        x = self.rng.standard_normal(n, np.float32)
        if elem == "f16":
            return x.astype(np.float16)
        if elem == "bf16":
            return (x.view(np.uint32) >> 16).astype(np.uint16)
        return x

    def values(self, elem, dim, row=None):
        """The elements of a row, or of the query, in float64."""
        size = row_size(elem, dim)
        offset = QUERY if row is None else ROWS + row * size
        if row is None and elem in ("f16", "bf16"):
            elem, size = "f32", 4 * dim
        raw = self.bytes[offset:offset + size]
        if elem == "int8":
            return raw.view(np.int8).astype(np.float64)
        if elem == "bits":
            return np.unpackbits(raw).astype(np.float64)
        if elem == "f32":
            return raw.view(np.float32).astype(np.float64)
        return widen(elem, raw.view(np.uint16)).astype(np.float64)

    def close(self):
        self.file.close()


def widen(elem, x):
    x = x.view(np.uint16)
    if elem == "f16":
        return x.view(np.float16).astype(np.float32)
    return (x.astype(np.uint32) << 16).view(np.float32)


def row_size(elem, dim):
    return {"f32": 4 * dim, "f16": 2 * dim, "bf16": 2 * dim, "int8": dim, "bits": dim // 8}[elem]


def exact(measure, q, x):
    """A measure by its definition."""
    if measure == "L2":
        return float(((q - x) ** 2).sum())
    if measure == "IP":
        return float(q @ x)
    if measure == "HAMMING":
        return float(abs(q - x).sum())
    if measure == "JACCARD":
        return 1 - float(np.minimum(q, x).sum() / np.maximum(q, x).sum())
    contained = (q <= x) if measure == "SUBSTRUCTURE" else (x <= q)
    return 0.0 if contained.all() else float("inf")
