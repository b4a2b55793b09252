"""Range searches and iterators: the same rows as one big search, on every state of a segment."""

import uuid

import numpy as np
import pytest
from pymilvus import Collection, DataType, MilvusClient, MilvusException, connections

import rows
from rows import create, ids

N = 3000
STRONG = {"consistency_level": "Strong"}


def fill(client, name):
    """Two flushed segments, growing rows, and a deleted part; returns the live keys."""
    client.insert(name, rows.rows(range(0, 1200)))
    client.flush(name)
    client.insert(name, rows.rows(range(1200, 2400)))
    client.flush(name)
    client.insert(name, rows.rows(range(2400, N)))
    client.delete(name, filter="id >= 1000 and id < 1300")
    return [k for k in range(N) if not 1000 <= k < 1300]


def scores(keys, q, metric):
    base = np.stack([rows.vector(k) for k in keys]).astype(np.float64)
    q = q.astype(np.float64)
    if metric == "L2":
        return ((base - q) ** 2).sum(1)
    if metric == "IP":
        return base @ q
    return base @ q / np.linalg.norm(base, axis=1) / np.linalg.norm(q)


def drain(it):
    pages = []
    while page := it.next():
        pages.append([(h["id"], h["distance"]) for h in page])
    it.close()
    return pages


def check(pages, want_keys, metric, batch):
    got = [h for page in pages for h in page]
    assert all(len(p) <= batch for p in pages)
    assert len({k for k, _ in got}) == len(got), "a row came twice"
    assert {k for k, _ in got} == set(want_keys)
    d = [x for _, x in got]
    assert d == sorted(d, reverse=metric != "L2")


KINDS = [("FLAT", {}), ("HNSW", {"ef": 64}), ("IVF_FLAT", {"nprobe": 8}), ("IVF_SQ8", {"nprobe": 8})]


@pytest.mark.parametrize("kind, params", KINDS)
@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
def test_search_iterator(client, name, kind, params, metric):
    create(client, name, kind, metric)
    live = fill(client, name)
    q = rows.vector(77_777)
    for batch, filter, keep in [(100, "", lambda k: True), (333, "n < 30", lambda k: k % 100 < 30), (16384, "", lambda k: True), (7, "id in [3, 2999, 1100]", lambda k: k in (3, 2999))]:
        it = client.search_iterator(name, data=[q], batch_size=batch, filter=filter, search_params={"params": params}, output_fields=["n"])
        check(drain(it), [k for k in live if keep(k)], metric, batch)


@pytest.mark.parametrize("kind", ["FLAT", "HNSW"])
@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
def test_range_search(client, name, kind, metric):
    create(client, name, kind, metric)
    live = fill(client, name)
    q = rows.vector(88_888)
    s = scores(live, q, metric)
    order = np.argsort(s if metric == "L2" else -s, kind="stable")
    near, far = float(s[order[40]] + s[order[41]]) / 2, float(s[order[240]] + s[order[241]]) / 2
    between = [live[i] for i in order[41:241]]
    ef = {"ef": 16384} if kind == "HNSW" else {}

    def search(limit=16384, filter="", offset=0, **params):
        return ids(client.search(name, data=[q], limit=limit, offset=offset, filter=filter, search_params={"params": {**ef, **params}}, **STRONG)[0])

    score = dict(zip(live, s))

    def alike(got, want):
        """The same hits in the same order, save those that float32 does not tell apart."""
        assert len(got) == len(set(got)) == len(want)
        np.testing.assert_allclose([score[k] for k in got], [score[k] for k in want], rtol=2e-6)

    every = search(limit=10000, radius=far, range_filter=near)
    assert set(every) == set(between)
    alike(every, between)
    alike(search(limit=10000, radius=far), [live[i] for i in order[:241]])
    alike(search(limit=50, radius=far, range_filter=near), between[:50])
    alike(search(limit=50, offset=30, radius=far, range_filter=near), between[30:80])
    alike(search(limit=10000, radius=far, range_filter=near, filter="n < 50"), [k for k in between if k % 100 < 50])
    beyond = -1.0 if metric == "L2" else 1e6
    assert search(limit=10, radius=beyond) == []
    # at the index's default width too, nearly
    ef = {}
    assert len(set(search(limit=10000, radius=far, range_filter=near)) & set(between)) >= 190
    it = client.search_iterator(name, data=[q], batch_size=37, search_params={"params": {"radius": far, "range_filter": near}})
    check(drain(it), between, metric, 37)


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_range_bounds(client, name, metric):
    create(client, name, "FLAT", metric)
    client.insert(name, rows.rows(range(10)))

    def refused(text, **params):
        with pytest.raises(MilvusException, match=text):
            client.search(name, data=[rows.vector(1)], limit=5, search_params={"params": params}, **STRONG)

    if metric == "L2":
        refused(r"metric type \(L2\), range_filter\(10\) must be less than radius\(1\)", radius=1, range_filter=10)
        refused(r"must be less than radius", radius=1, range_filter=1)
    else:
        refused(r"metric type \(IP\), range_filter\(1\) must be greater than radius\(10\)", radius=10, range_filter=1)
    refused("range_filter requires radius to be set", range_filter=1)
    refused("param 'radius' .* should be a number", radius=[1])
    refused("invalid float value, key: 'radius'", radius="near")


def test_range_of_partitions(client, name):
    create(client, name)
    client.create_partition(name, "p")
    client.insert(name, rows.rows(range(100)))
    client.insert(name, rows.rows(range(100, 200)), partition_name="p")
    q = rows.vector(5)
    d = scores(range(100, 200), q, "L2")
    radius = float(np.sort(d)[50])
    got = client.search(name, data=[q, q], limit=500, partition_names=["p"], output_fields=["s"], search_params={"params": {"radius": radius}}, **STRONG)
    want = [k for k in range(100, 200) if d[k - 100] < radius]
    for hits in got:
        assert abs(len(hits) - 50) <= 1
        assert set(ids(hits)) <= set(want) | {int(np.argsort(d)[50]) + 100}
        assert all(h["entity"]["s"] == f"s{h['id'] % 7}" for h in hits)


def test_iterator_sees_its_first_page(client, name):
    create(client, name, "HNSW")
    live = fill(client, name)
    q = rows.vector(5)
    it = client.search_iterator(name, data=[q], batch_size=200)
    first = it.next()
    client.insert(name, rows.rows(range(N, N + 500)))
    client.delete(name, filter="id < 900")
    client.flush(name)
    rest = drain(it)
    check([[(h["id"], h["distance"]) for h in first]] + rest, live, "L2", 200)


@pytest.mark.parametrize("shards", [1, 3])
def test_iterator_with_ties(client, name, shards):
    """Rows of equal distance are never lost, whatever the batch."""
    client.create_collection(name, schema=rows.schema(), index_params=rows.index("FLAT"), num_shards=shards)
    data = [{**rows.row(k), "vec": [float(k // 5 % 40)] + [0.0] * 15} for k in range(1000)]
    client.insert(name, data[:600])
    client.flush(name)
    client.insert(name, data[600:])
    for batch in (10, 26, 64):
        it = client.search_iterator(name, data=[[0.0] * 16], batch_size=batch)
        pages = drain(it)
        check(pages, range(1000), "L2", batch if shards == 1 else 1000)


def test_iterator_through_shards(client, name):
    client.create_collection(name, schema=rows.schema(), index_params=rows.index("HNSW", M=16, efConstruction=100), num_shards=4)
    live = fill(client, name)
    it = client.search_iterator(name, data=[rows.vector(1)], batch_size=150, output_fields=["n"])
    check(drain(it), live, "L2", 150)


def test_iterator_outlives_the_server(new_server):
    """kill -9 between two batches: the next one begins behind the last bound."""
    s = new_server().start()
    c = s.client()
    create(c, "c", "HNSW")
    live = fill(c, "c")
    q = rows.vector(4242)
    it = c.search_iterator("c", data=[q], batch_size=130, search_params={"params": {"ef": 64}})
    pages = [it.next() for _ in range(4)]
    s.kill()
    s.start()
    while page := it.next():
        pages.append(page)
    check([[(h["id"], h["distance"]) for h in p] for p in pages], live, "L2", 130)


def raw_search(client, name, **kv):
    return client.search(name, data=[rows.vector(1)], limit=5, **kv)


def test_wrong_iterator_parameters(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(100)))
    on = {"iterator": True, "search_iter_v2": True}

    def refused(text, **kv):
        with pytest.raises(MilvusException, match=text):
            raw_search(client, name, **kv)

    refused("both iterator and search_iter_v2 must be set in the SDK", search_iter_v2=True, search_iter_batch_size=5)
    refused("parse iterator v2 info failed: batch size is required", **on)
    refused("batch size is invalid, it should be in range \\[1, 16384\\], but got 0", **on, search_iter_batch_size=0)
    refused("batch size is invalid", **on, search_iter_batch_size=16385)
    refused("batch size is invalid", **on, search_iter_batch_size="many")
    refused("invalid token format", **on, search_iter_batch_size=5, search_iter_id="me")
    refused("failed to parse input last bound", **on, search_iter_batch_size=5, search_iter_last_bound="x")
    refused("Setting an offset is not permitted when using a search iterator v2", **on, search_iter_batch_size=5, offset=3)
    with pytest.raises(MilvusException, match="a search iterator is of one vector"):
        client.search(name, data=[rows.vector(1)] * 2, limit=5, **on, search_iter_batch_size=5)
    with pytest.raises(MilvusException, match="batch size cannot be less than zero"):
        client.search_iterator(name, data=[rows.vector(1)], batch_size=-1)
    with pytest.raises(MilvusException, match="predicate is not a boolean expression|cannot parse"):
        client.search_iterator(name, data=[rows.vector(1)], batch_size=5, filter="n +")


def test_token_and_bound(client, name):
    """A token that no cursor is kept for goes on behind its bound; the same request gets the same batch."""
    create(client, name)
    client.insert(name, rows.rows(range(100)))
    on = {"iterator": True, "search_iter_v2": True, "search_iter_batch_size": 10, **STRONG}
    order = rows.nearest(range(100), rows.vector(1), 100)
    first = raw_search(client, name, **on)
    info = first.get_search_iterator_v2_results_info()
    assert ids(first[0]) == order[:10]
    assert uuid.UUID(info.token)
    for token in (info.token, info.token, str(uuid.uuid4())):
        again = raw_search(client, name, **on, search_iter_id=token, search_iter_last_bound=info.last_bound)
        assert ids(again[0]) == order[10:20]
    far = raw_search(client, name, **on, search_iter_id=info.token, search_iter_last_bound=1e9)
    assert ids(far[0]) == [] and far.get_search_iterator_v2_results_info().last_bound == 1e9
    back = raw_search(client, name, **on, search_iter_id=info.token, search_iter_last_bound=info.last_bound)
    assert ids(back[0]) == order[10:20]


def collection(server, name):
    connections.connect("orm", uri=server.uri)
    return Collection(name, using="orm")


def test_orm_search_iterator(server, client, name):
    create(client, name, "HNSW")
    live = fill(client, name)
    it = collection(server, name).search_iterator([rows.vector(9)], "vec", {"metric_type": "L2", "params": {}}, batch_size=250, output_fields=["n"])
    pages = []
    while page := it.next():
        pages.append([(h.id, h.distance) for h in page])
    check(pages, live, "L2", 250)


@pytest.mark.parametrize("pk", [DataType.INT64, DataType.VARCHAR])
def test_query_iterator(server, client, name, pk):
    s = MilvusClient.create_schema()
    s.add_field("id", pk, is_primary=True, max_length=20)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=4)
    s.add_field("n", DataType.INT64)
    client.create_collection(name, schema=s, index_params=rows.index())
    key = (lambda k: k) if pk == DataType.INT64 else (lambda k: f"k{k}")
    made = [{"id": key(k), "vec": [0.0] * 4, "n": k} for k in np.random.default_rng(1).permutation(2000).tolist()]
    client.insert(name, made[:1500])
    client.flush(name)
    client.insert(name, made[1500:])
    it = client.query_iterator(name, batch_size=170, filter="n >= 100", output_fields=["n"])
    first = it.next()
    client.delete(name, filter="n >= 1000")
    client.insert(name, [{"id": key(k), "vec": [0.0] * 4, "n": k} for k in range(3000, 3100)])
    got = list(first)
    while page := it.next():
        assert len(page) <= 170
        got += page
    it.close()
    assert [r["id"] for r in got] == sorted(key(k) for k in range(100, 2000))
    limited = client.query_iterator(name, batch_size=100, limit=250, filter="n < 1000")
    assert sum(len(p) for p in iter(limited.next, [])) == 250
    it = collection(server, name).query_iterator(batch_size=300, expr="n < 1000", output_fields=["n"], offset=50)
    got = []
    while page := it.next():
        got += page
    assert [r["id"] for r in got] == sorted(key(k) for k in range(1000))[50:]


def test_wrong_query_iterator(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    with pytest.raises(MilvusException, match="value for iterator field is invalid"):
        client.query(name, filter="id >= 0", iterator="maybe")
    with pytest.raises(MilvusException, match="value for reduce_stop_for_best is invalid"):
        client.query(name, filter="id >= 0", reduce_stop_for_best="maybe")
    with pytest.raises(MilvusException, match="batch size cannot be larger than 16384"):
        client.query_iterator(name, batch_size=20000)
