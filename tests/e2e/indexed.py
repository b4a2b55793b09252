"""Collections of rows with an index, and how many of the exact hits it finds."""

import time

import rows
from rows import ids, nearest


def create(client, name, kind, params, metric="L2", **kwargs):
    client.create_collection(name, schema=rows.schema(), index_params=rows.index(kind, metric, **params), **kwargs)


def recall(client, name, keys, search, metric="L2", keep=None, **kwargs):
    """Searches with random vectors and returns the share of the exact hits that came."""
    keys = [k for k in keys if keep is None or keep(k)]
    queries = [rows.vector(50_000 + i) for i in range(20)]
    result = client.search(name, data=queries, limit=10, search_params={"params": search}, consistency_level="Strong", **kwargs)
    found = 0
    for q, hits in zip(queries, result):
        assert len(hits) == min(10, len(keys)) and set(ids(hits)) <= set(keys)
        d = [h["distance"] for h in hits]
        assert d == sorted(d, reverse=metric != "L2")
        v = rows.vector(hits[0]["id"])
        want = {"L2": ((v - q) ** 2).sum(), "IP": v @ q, "COSINE": v @ q / ((v @ v) * (q @ q)) ** 0.5}[metric]
        assert abs(d[0] - want) < 1e-4
        found += len(set(ids(hits)) & set(nearest(keys, q, 10, metric)))
    return found / sum(min(10, len(keys)) for _ in queries)


def wait_indexed(client, name):
    client.load_collection(name)
    deadline = time.monotonic() + 60
    while (d := client.describe_index(name, "vec"))["indexed_rows"] < d["total_rows"] and time.monotonic() < deadline:
        time.sleep(0.05)
    return d["indexed_rows"]
