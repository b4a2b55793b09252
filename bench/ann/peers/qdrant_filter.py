"""Qdrant's engine with filters: a payload index of integers for each column, over
which its graph gets more links, and ACORN where it is asked for."""

import numpy
from qdrant_edge import (
    AcornSearchParams, EdgeConfig, EdgeOptimizersConfig, EdgeShard, EdgeVectorParams, FieldCondition, Filter,
    HnswIndexConfig, IntegerIndexParams, Memory, Point, QuantizationSearchParams, Query, QueryBatchRequest,
    QueryRequest, RangeFloat, ScalarQuantizationConfig, ScalarType, SearchParams, UpdateOperation,
)

from ann.peers.qdrant_peer import CHUNK, INSERTED, Qdrant, Shard

FULL_SCAN = 10000  # kB of vectors, the default of the server: what a filter leaves below that is scanned


class QdrantFilter(Qdrant):
    def load(self, base, query, metric):
        super().load(base, query, metric)
        self.columns = []
        self.asked = [(q, None) for q in range(len(query))]

    def select(self, columns, groups):
        """The first call says which columns there are: it comes before the build."""
        self.columns = columns
        self.asked = []
        for g in groups:
            low, high = int(g["low"]), int(g["high"])
            condition = Filter(must=[FieldCondition(f"c{g['column']}", range=RangeFloat(gte=low, lt=high))])
            self.asked += [(q, condition) for q in g["queries"]]

    def create(self, params, threads):
        shard = EdgeShard.create(self.path, EdgeConfig(
            vectors=EdgeVectorParams(size=self.base.shape[1], distance=self.distance),
            hnsw_config=HnswIndexConfig(m=params["M"], ef_construct=params["efConstruction"],
                                        full_scan_threshold=FULL_SCAN, max_indexing_threads=threads,
                                        memory=Memory.Pinned),
            quantization_config=ScalarQuantizationConfig(type=ScalarType.Int8, memory=Memory.Pinned),
            optimizers=EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1, max_segment_size=1 << 40),
            max_search_threads=1, wal_enabled=False))
        for c in range(len(self.columns)):
            shard.update(UpdateOperation.create_field_index(
                f"c{c}", IntegerIndexParams(lookup=False, range=True, memory=Memory.Pinned)))
        return shard

    def points(self, lo):
        rows = self.base[lo:lo + INSERTED]
        numbers = numpy.stack([c[lo:lo + INSERTED] for c in self.columns], axis=1).tolist()
        return [Point(lo + i, v.tolist(), {f"c{c}": x for c, x in enumerate(numbers[i])}) for i, v in enumerate(rows)]

    def prepare(self, search, lo, hi, k, threads):
        if threads != 1:
            raise ValueError(f"{threads} threads, 1 is supported")
        parameters = SearchParams(
            hnsw_ef=search["ef"], acorn=AcornSearchParams(enable=bool(search.get("acorn"))),
            quantization=QuantizationSearchParams(rescore=True, oversampling=search["oversampling"]))
        shard: Shard = self.shard
        shard.k = k
        requests = [QueryRequest(limit=k, query=Query.Nearest(self.query[q].tolist()), filter=f, params=parameters)
                    for q, f in self.asked[lo:hi]]
        shard.batches = [QueryBatchRequest(requests[i:i + CHUNK]) for i in range(0, len(requests), CHUNK)]
