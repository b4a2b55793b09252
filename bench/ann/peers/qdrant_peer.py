"""Qdrant's engine in the process (`qdrant-edge-py`): its graph over bytes, the
best candidates scored again from float32.

`query_batch` keeps Python's lock, so that a second thread is a second process,
which opens the same files.
"""

import importlib.metadata
import multiprocessing
import pathlib
import shutil
import tempfile
import time

import numpy
from qdrant_edge import (
    AcornSearchParams, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeShard, EdgeVectorParams, HnswIndexConfig,
    Memory, Point, QuantizationSearchParams, Query, QueryBatchRequest, QueryRequest, ScalarQuantizationConfig, ScalarType,
    SearchParams, UpdateOperation,
)

from ann.peer import cpu_seconds
from ann.peers.processor import features

DISTANCES = {"L2": Distance.Euclid, "IP": Distance.Dot, "COSINE": Distance.Cosine}
CHUNK = 64  # queries a call of query_batch
INSERTED = 1000  # points a call of update


class Shard:
    """One process's view of the files: the queries [first, ...) in steps of whole chunks."""

    def __init__(self, path, query, shard=None):
        self.shard = shard or EdgeShard.load(path)
        self.query = query
        self.answers = []

    def prepare(self, search, lo, hi, k, first, step):
        self.requests([(q, None) for q in range(lo, hi)], search, k, first, step)

    def requests(self, asked, search, k, first=0, step=1):
        """Makes the batches of questions: numbers of queries, and filters or None."""
        parameters = SearchParams(
            hnsw_ef=search["ef"], acorn=AcornSearchParams(enable=True) if search.get("acorn") else None,
            quantization=QuantizationSearchParams(rescore=True, oversampling=search["oversampling"]))
        self.k = k
        self.batches = [
            QueryBatchRequest([QueryRequest(limit=k, query=Query.Nearest(self.query[q].tolist()), filter=f,
                                            params=parameters) for q, f in asked[i:i + CHUNK]])
            for i in range(first * CHUNK, len(asked), step * CHUNK)]

    def ask(self):
        self.answers = [self.shard.query_batch(b) for b in self.batches]

    def ids(self):
        """One array a chunk."""
        out = []
        for batch in self.answers:
            ids = numpy.full((len(batch), self.k), -1, numpy.int64)
            for row, hits in zip(ids, batch):
                row[:len(hits)] = [h.id for h in hits]
            out.append(ids)
        return out


def second(path, query, pipe):
    """The second process: calls methods of its Shard as they come through the pipe."""
    shard = Shard(path, query)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        cpu = cpu_seconds()
        result = getattr(shard, method)(*arguments)
        pipe.send((result, cpu_seconds() - cpu))


class Qdrant:
    full_scan = 1  # kB of vectors: what a filter leaves below that is scanned
    version = importlib.metadata.version("qdrant-edge-py")
    isa = "chosen at run time, of " + features()

    def __init__(self):
        self.folder = self.shard = self.process = None
        self.elsewhere = 0.0

    def load(self, base, query, metric):
        self.base, self.query, self.distance = base, query, DISTANCES[metric]

    def build(self, params, threads):
        self.close()
        self.folder = tempfile.mkdtemp(prefix="qdrant-")
        self.path = self.folder + "/shard"
        shard = self.create(params, threads)
        wall = cpu = 0.0
        for lo in range(0, len(self.base), INSERTED):
            # Points are made of Python's numbers: that is not counted.
            points = self.points(lo)
            w, c = time.perf_counter(), cpu_seconds()
            shard.update(UpdateOperation.upsert_points(points))
            wall, cpu = wall + time.perf_counter() - w, cpu + cpu_seconds() - c
        w, c = time.perf_counter(), cpu_seconds()
        shard.optimize()
        wall, cpu = wall + time.perf_counter() - w, cpu + cpu_seconds() - c
        shard.flush()
        if shard.info().indexed_vectors_count != len(self.base):
            raise RuntimeError(f"{shard.info()} after optimize")
        self.shard = Shard(self.path, self.query, shard)
        return wall, cpu

    def create(self, params, threads):
        """An empty shard."""
        return EdgeShard.create(self.path, EdgeConfig(
            vectors=EdgeVectorParams(size=self.base.shape[1], distance=self.distance),
            hnsw_config=HnswIndexConfig(m=params["M"], ef_construct=params["efConstruction"],
                                        full_scan_threshold=self.full_scan, max_indexing_threads=threads,
                                        memory=Memory.Pinned),
            quantization_config=ScalarQuantizationConfig(type=ScalarType.Int8, memory=Memory.Pinned),
            optimizers=EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1, max_segment_size=1 << 40),
            max_search_threads=1, wal_enabled=False))

    def points(self, lo):
        """The next points from row lo on."""
        return [Point(lo + i, v.tolist()) for i, v in enumerate(self.base[lo:lo + INSERTED])]

    def bytes(self):
        """Of the files of the graph and of the codes."""
        files = (f for f in pathlib.Path(self.path).rglob("*") if f.is_file())
        return sum(f.stat().st_size for f in files if f.parent.name == "vector_index" or f.name.startswith("quantized"))

    def prepare(self, search, lo, hi, k, threads):
        if threads > 2:
            raise ValueError(f"{threads} threads, at most 2")
        self.shard.prepare(search, lo, hi, k, 0, threads)
        if threads == 2:
            if self.process is None:
                self.start_second()
            self.remote("prepare", search, lo, hi, k, 1, 2)

    def start_second(self):
        """Starts the second process."""
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=second, args=(self.path, self.query, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def remote(self, method, *arguments):
        self.pipe.send((method, arguments))
        return self.pipe.recv()

    def ask(self, _, threads):
        if threads == 2:
            self.pipe.send(("ask", ()))
        self.shard.ask()
        self.elsewhere = self.pipe.recv()[1] if threads == 2 else 0.0
        return threads

    def ids(self, threads):
        if threads == 1:
            return numpy.concatenate(self.shard.ids())
        own, other = self.shard.ids(), self.remote("ids")[0]
        parts = [c for pair in zip(own, other + [None]) for c in pair if c is not None]
        return numpy.concatenate(parts)

    def close(self):
        if self.process is not None:
            self.pipe.close()
            self.process.join(10)
            self.process = None
        if self.shard is not None:
            self.shard.shard.close()
            self.shard = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
