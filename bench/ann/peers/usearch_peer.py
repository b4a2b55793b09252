"""USearch: a graph in C++, over float32 or one signed byte for each element."""

import numpy
import usearch
from usearch.index import Index

METRICS = {"L2": "l2sq", "IP": "ip", "COSINE": "cos"}
CLIPPED = 0.9998  # share of the elements within the range of a byte


class USearch:
    version = usearch.__version__

    def __init__(self, dtype):
        self.dtype = dtype

    @property
    def isa(self):
        return Index(ndim=128, metric="l2sq", dtype=self.dtype).hardware_acceleration

    def load(self, base, query, metric):
        self.metric = METRICS[metric]
        self.raw_bytes = base.nbytes
        self.base, self.query = base, query
        if self.dtype == "i8":
            if metric == "COSINE":
                base, query = (x / numpy.maximum(numpy.linalg.norm(x, axis=1, keepdims=True), 1e-30)
                               for x in (base, query))
            # The order of distances outlives a shift for L2 and a scale for all.
            shift, scale = self.byte_range(numpy.asarray(base), metric == "L2")
            self.base, self.query = (self.to_bytes(x, shift, scale) for x in (base, query))

    @staticmethod
    def byte_range(base, shifted):
        """What to subtract and to multiply by, so that nearly all elements lie in [-127, 127]."""
        sample = base[:: max(1, len(base) // 20000)].ravel()
        if not shifted:
            return 0.0, 127 / max(float(numpy.quantile(numpy.abs(sample), CLIPPED)), 1e-30)
        low, high = (float(x) for x in numpy.quantile(sample, (0, CLIPPED)))
        return (low + high) / 2, 254 / max(high - low, 1e-30)

    @staticmethod
    def to_bytes(x, shift, scale):
        return numpy.clip(numpy.rint((x - shift) * scale), -127, 127).astype(numpy.int8)

    def build(self, params, threads):
        self.index = None
        self.index = Index(ndim=self.base.shape[1], metric=self.metric, dtype=self.dtype, connectivity=params["M"],
                           expansion_add=params["efConstruction"], enable_key_lookups=False)
        self.index.add(numpy.arange(len(self.base)), self.base, threads=threads)

    def bytes(self):
        return self.index.serialized_length - (self.raw_bytes if self.dtype == "f32" else 0)

    def prepare(self, search, lo, hi, k, _threads):
        self.index.expansion_search = search["ef"]
        return self.query[lo:hi], k

    def ask(self, batch, threads):
        return self.index.search(batch[0], batch[1], threads=threads)

    def ids(self, answer):
        keys = numpy.array(answer.keys).astype(numpy.int64)
        if keys.ndim == 1:
            keys = keys[None]
        missing = numpy.arange(keys.shape[1])[None] >= numpy.asarray(answer.counts).reshape(-1, 1)
        keys[missing] = -1
        return keys
