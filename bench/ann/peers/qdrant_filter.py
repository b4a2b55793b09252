"""Qdrant's engine with filters: a payload index of integers for each column, over
which its graph gets more links, and ACORN where it is asked for."""

import numpy
from qdrant_edge import (
    FieldCondition, Filter, IntegerIndexParams, Memory, Point, RangeFloat, UpdateOperation,
)

from ann.peers.qdrant_peer import INSERTED, Qdrant


class QdrantFilter(Qdrant):
    full_scan = 10000  # the default of the server

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
        shard = super().create(params, threads)
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
        self.shard.requests(self.asked[lo:hi], search, k)
