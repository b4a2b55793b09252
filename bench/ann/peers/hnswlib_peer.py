"""hnswlib: the graph of the paper's authors, float32, in C++."""

import importlib.metadata

import hnswlib
import numpy

from ann.peers.processor import features

SPACES = {"L2": "l2", "IP": "ip", "COSINE": "cosine"}


class Hnswlib:
    version = importlib.metadata.version("hnswlib")
    isa = "compiled for this processor: " + features()

    def load(self, base, query, metric):
        self.base, self.query, self.space = base, query, SPACES[metric]

    def build(self, params, threads):
        rows, dim = self.base.shape
        self.index = None
        self.index = hnswlib.Index(space=self.space, dim=dim)
        self.index.init_index(max_elements=rows, M=params["M"], ef_construction=params["efConstruction"], random_seed=1)
        self.index.add_items(self.base, numpy.arange(rows), num_threads=threads)

    def bytes(self):
        return self.index.index_file_size() - self.base.nbytes

    def prepare(self, search, lo, hi, k, _threads):
        self.index.set_ef(search["ef"])
        return self.query[lo:hi], k

    def ask(self, batch, threads):
        return self.index.knn_query(batch[0], k=batch[1], num_threads=threads)

    def ids(self, answer):
        return answer[0]
