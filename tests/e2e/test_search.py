"""Search: exact against numpy, filtered, paged, on every state of a segment."""

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows
from rows import create, ids, nearest

N = 600


def fill(client, name, shape):
    """growing: all in memory; sealed: all flushed; mixed: half and half, with a deleted fifth."""
    half = N // 2
    client.insert(name, rows.rows(range(half)))
    if shape != "growing":
        client.flush(name)
    client.insert(name, rows.rows(range(half, N)))
    if shape == "sealed":
        client.flush(name)
    if shape == "mixed":
        client.delete(name, filter="id >= 200 and id < 320")
        return [k for k in range(N) if not 200 <= k < 320]
    return list(range(N))


@pytest.mark.parametrize("shape", ["growing", "sealed", "mixed"])
@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
def test_flat_is_exact(client, name, metric, shape):
    create(client, name, "FLAT", metric)
    live = fill(client, name, shape)
    queries = [rows.vector(10_000 + i) for i in range(5)]
    result = client.search(name, data=queries, limit=20, consistency_level="Strong")
    for q, hits in zip(queries, result):
        assert ids(hits) == nearest(live, q, 20, metric)
        d = [h["distance"] for h in hits]
        assert d == sorted(d, reverse=metric != "L2")
        v = rows.vector(hits[0]["id"])
        want = {"L2": ((v - q) ** 2).sum(), "IP": v @ q, "COSINE": v @ q / np.linalg.norm(v) / np.linalg.norm(q)}[metric]
        assert abs(d[0] - want) < 1e-4


@pytest.mark.parametrize("shape", ["growing", "sealed", "mixed"])
@pytest.mark.parametrize("kind", ["HNSW", "AUTOINDEX"])
def test_graph_recall(client, name, kind, shape):
    create(client, name, kind)
    live = fill(client, name, shape)
    params = {"params": {"ef": 64}} if kind == "HNSW" else {}
    queries = [rows.vector(20_000 + i) for i in range(20)]
    result = client.search(name, data=queries, limit=10, search_params=params, consistency_level="Strong")
    found = sum(len(set(ids(h)) & set(nearest(live, q, 10))) for q, h in zip(queries, result))
    assert all(len(h) == 10 for h in result)
    assert found >= 0.95 * 200


@pytest.mark.parametrize("kind", ["FLAT", "HNSW"])
@pytest.mark.parametrize("filter, keep", [
    ("n == 7", lambda k: k % 100 == 7),
    ("n < 50", lambda k: k % 100 < 50),
    ('s in ["s1", "s2"]', lambda k: k % 7 in (1, 2)),
    ('s like "s%" and id >= 100', lambda k: k >= 100),
])
def test_filter(client, name, kind, filter, keep):
    create(client, name, kind)
    live = [k for k in fill(client, name, "mixed") if keep(k)]
    params = {"params": {"ef": 64}} if kind == "HNSW" else {}
    queries = [rows.vector(30_000 + i) for i in range(10)]
    found = 0
    for q in queries:
        hits = client.search(name, data=[q], limit=10, filter=filter, search_params=params, consistency_level="Strong")[0]
        assert len(hits) == min(10, len(live)) and set(ids(hits)) <= set(live)
        found += len(set(ids(hits)) & set(nearest(live, q, 10)))
    want = min(10, len(live)) * len(queries)
    assert found == want if kind == "FLAT" else found >= 0.95 * want


def test_filter_that_nothing_passes(client, name):
    create(client, name)
    fill(client, name, "mixed")
    assert list(client.search(name, data=[rows.vector(1)], limit=5, filter="n > 1000")[0]) == []


def test_pages_do_not_overlap(client, name):
    create(client, name)
    live = fill(client, name, "mixed")
    q = rows.vector(40_000)
    pages = [ids(client.search(name, data=[q], limit=10, offset=o, consistency_level="Strong")[0]) for o in range(0, 50, 10)]
    assert sum(pages, []) == nearest(live, q, 50)


def test_limit_beyond_rows(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(7)))
    assert len(client.search(name, data=[rows.vector(1)], limit=100, consistency_level="Strong")[0]) == 7


def test_empty_collection(client, name):
    create(client, name)
    assert [list(h) for h in client.search(name, data=[rows.vector(1), rows.vector(2)], limit=3)] == [[], []]


def test_output_fields(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    hit = client.search(name, data=[rows.vector(3)], limit=1, output_fields=["n", "vec"], consistency_level="Strong")[0][0]
    assert set(hit["entity"]) == {"n", "vec"} and np.array_equal(np.array(hit["entity"]["vec"], np.float32), rows.vector(3))
    hit = client.search(name, data=[rows.vector(3)], limit=1, output_fields=["*"], consistency_level="Strong")[0][0]
    assert set(hit["entity"]) >= {"vec", "n", "s"}
    with pytest.raises(MilvusException, match="field absent not exist"):
        client.search(name, data=[rows.vector(3)], limit=1, output_fields=["absent"])


def test_metric_must_match(client, name):
    create(client, name, metric="COSINE")
    client.insert(name, rows.rows(range(10)))
    with pytest.raises(MilvusException, match=r"metric type not match: invalid parameter\[expected=COSINE\]\[actual=IP\]"):
        client.search(name, data=[rows.vector(3)], limit=1, search_params={"metric_type": "IP"})


def test_round_decimal(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    hits = client.search(name, data=[rows.vector(99)], limit=3, round_decimal=2, consistency_level="Strong")[0]
    assert all(abs(h["distance"] - round(h["distance"], 2)) < 1e-6 for h in hits)


def test_duplicate_keys_are_one_hit(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(20)))
    client.flush(name)
    client.insert(name, rows.rows(range(20)))
    found = ids(client.search(name, data=[rows.vector(3)], limit=20, consistency_level="Strong")[0])
    assert len(found) == len(set(found))


def test_zero_vector_in_cosine(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=4)
    client.create_collection(name, schema=s, index_params=rows.index("FLAT", "COSINE"))
    client.insert(name, [{"id": 1, "vec": [0.0] * 4}, {"id": 2, "vec": [1.0, 0, 0, 0]}])
    hits = client.search(name, data=[[1.0, 0, 0, 0]], limit=2, consistency_level="Strong")[0]
    assert ids(hits) == [2, 1] and hits[1]["distance"] == 0
