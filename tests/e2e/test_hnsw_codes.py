"""HNSW on codes, and by another engine: create, describe, load, search, restart, drop, and what it refuses."""

import pytest
from pymilvus import MilvusException

import rows
from indexed import create, recall, wait_indexed
from rows import ids

GRAPH = dict(M=12, efConstruction=100)

# name, build parameters, search parameters
KINDS = [
    ("HNSW_SQ", dict(GRAPH), dict(ef=80)),
    ("HNSW_SQ", dict(GRAPH, sq_type="SQ4U", refine="true", refine_type="FP16"), dict(ef=80)),
    ("HNSW_SQ", dict(GRAPH, sq_type="SQ6"), dict(ef=80, refine_k=4)),
    ("HNSW_SQ", dict(GRAPH, sq_type="FP16"), dict(ef=80, refine_k=1.5)),
    ("HNSW_SQ", dict(GRAPH, sq_type="BF16"), dict(ef=80)),
    ("HNSW_PQ", dict(GRAPH, m=8, nbits=8, refine="true", refine_type="SQ8"), dict(ef=100, refine_k=10)),
    ("HNSW_PRQ", dict(GRAPH, m=4, nrq=2), dict(ef=100, refine_k=10)),
    ("HNSW", dict(GRAPH, engine="coder"), dict(ef=200)),
]
NAMES = [f"{k}-{b.get('sq_type', b.get('engine', 'default'))}" for k, b, _ in KINDS]
FLOORS = {"HNSW": 0.4}  # of coder/hnsw, whose graph depends on chance: it was seen to reach 0.57 and more


@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_life(client, name, kind, build, search, metric):
    floor = FLOORS.get(kind, 0.95)
    create(client, name, kind, build, metric)
    client.insert(name, rows.rows(range(3000)))
    client.flush(name)
    d = client.describe_index(name, "vec")
    assert d["index_type"] == kind and d["metric_type"] == metric
    assert all(str(d[k]).lower() == str(v).lower() for k, v in build.items())
    assert wait_indexed(client, name) == 3000
    assert recall(client, name, range(3000), search, metric) >= floor
    assert recall(client, name, range(3000), search, metric, lambda k: k % 100 < 30, filter="n < 30") >= floor
    assert recall(client, name, range(3000), search, metric, lambda k: k % 100 == 7, filter="n == 7") == 1
    client.insert(name, rows.rows(range(3000, 3500)))  # growing: the graph of plain HNSW
    client.delete(name, ids=list(range(100)))
    assert recall(client, name, range(100, 3500), search, metric) >= floor
    client.release_collection(name)
    client.drop_index(name, "vec")
    assert client.list_indexes(name) == []


@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_few_rows(client, name, kind, build, search):
    """Fewer rows than words, of which Milvus makes no index of HNSW_PQ."""
    client.create_collection(name, schema=rows.schema())
    client.insert(name, rows.rows(range(30)))
    client.flush(name)
    client.create_index(name, rows.index(kind, **build))
    d = client.describe_index(name, "vec")
    assert d["state"] == "Finished" and d["indexed_rows"] == 30
    client.load_collection(name)
    assert recall(client, name, range(30), search) == 1


@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_restart(new_server, kind, build, search):
    s = new_server().start()
    c = s.client()
    create(c, "c", kind, build)
    c.insert("c", rows.rows(range(2000)))
    c.flush("c")
    wait_indexed(c, "c")
    c.close()
    s.kill()
    s.start()
    c = s.client()
    d = c.describe_index("c", "vec")
    assert d["index_type"] == kind and d["indexed_rows"] == 2000
    assert recall(c, "c", range(2000), search) >= FLOORS.get(kind, 0.95)
    c.close()


REFINE = "optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]"
WRONG_BUILD = [
    ("HNSW_SQ", dict(sq_type="FP32"), "invalid scalar quantizer type"),
    ("HNSW_SQ", dict(sq_type=8), "invalid scalar quantizer type"),
    ("HNSW_SQ", dict(refine=1), "should be a boolean"),
    ("HNSW_SQ", dict(refine_type="INT8"), f"invalid refine type : INT8, {REFINE}"),
    ("HNSW_SQ", dict(M=1), "Out of range in json: param 'M' (1) should be in range [2, 2048]"),
    ("HNSW_SQ", dict(efConstruction=0), "Out of range in json: param 'efConstruction' (0) should be in range [1, 2147483647]"),
    ("HNSW_PQ", dict(), "should be a multiple of the number of subquantizers (m). Dimension: 16, m: 32"),
    ("HNSW_PQ", dict(m=7), "should be a multiple of the number of subquantizers (m). Dimension: 16, m: 7"),
    ("HNSW_PQ", dict(m=8, nbits=25), "Out of range in json: param 'nbits' (25) should be in range [1, 24]"),
    ("HNSW_PQ", dict(m=8, refine_type="INT8"), f"invalid refine type : INT8, {REFINE}"),
    ("HNSW_PQ", dict(m=16.0), "wrong data type in json, key: 'm', value: '16.0'"),
    ("HNSW_PRQ", dict(nrq=17), "Out of range in json: param 'nrq' (17) should be in range [1, 16]"),
    ("HNSW_PRQ", dict(nrq=True), "invalid integer value, key: 'nrq', value: 'True'"),
    ("HNSW_PRQ", dict(m=7), "should be a multiple of the number of subquantizers (m). Dimension: 16, m: 7"),
    ("HNSW", dict(engine="faiss"), 'engine "faiss" of HNSW is not supported, optional engines are [coder]'),
    ("HNSW", dict(refine=True), "refine is not supported for this index"),
]


@pytest.mark.parametrize("kind, build, message", WRONG_BUILD, ids=[f"{k}-{m}" for k, _, m in WRONG_BUILD])
def test_wrong_build(client, name, kind, build, message):
    client.create_collection(name, schema=rows.schema())
    with pytest.raises(MilvusException) as e:
        client.create_index(name, rows.index(kind, **build))
    assert message in e.value.message and e.value.code == 1100
    assert client.list_indexes(name) == []


WRONG_SEARCH = [
    ("HNSW_SQ", dict(ef=5), "ef(5) should be larger than k(10)"),
    ("HNSW_SQ", dict(ef=0), "Out of range in json: param 'ef' (0) should be in range [1, 2147483647]"),
    ("HNSW_SQ", dict(refine_k=0), "Out of range in json: param 'refine_k' (0) should be in range [1.000000, "),
    ("HNSW_PQ", dict(refine_k=True), "Type conflict in json: param 'refine_k' (true) should be a number"),
    ("HNSW_PQ", dict(refine_k=""), "invalid float value"),
    ("HNSW_PRQ", dict(refine_k=[15]), "Type conflict in json"),
    ("HNSW_PRQ", dict(ef=1.5), "Type conflict in json: param 'ef' (1.5) should be integer"),
]


@pytest.mark.parametrize("kind, search, message", WRONG_SEARCH, ids=[f"{k}-{m}" for k, _, m in WRONG_SEARCH])
def test_wrong_search(client, name, kind, search, message):
    create(client, name, kind, next(b for k, b, _ in KINDS if k == kind))
    client.insert(name, rows.rows(range(50)))
    with pytest.raises(MilvusException) as e:
        client.search(name, data=[rows.vector(1)], limit=10, search_params={"params": search})
    assert message in e.value.message


def test_small_ef(client, name):
    """HNSW_PQ takes an ef below the limit, as Milvus does."""
    create(client, name, "HNSW_PQ", dict(GRAPH, m=8))
    client.insert(name, rows.rows(range(1500)))
    client.flush(name)
    wait_indexed(client, name)
    result = client.search(name, data=[rows.vector(1)], limit=20, search_params={"params": {"ef": 5}}, consistency_level="Strong")
    assert len(result[0]) == 20
