"""The IVF family: create, describe, load, search, restart, drop, and what it refuses."""

import pytest
from pymilvus import MilvusException

import rows
from indexed import create, recall, wait_indexed
from rows import ids

# name, build parameters, search parameters: so wide that no seed of a build, which is
# another one each time, finds less than 0.98 of these rows, where 0.95 is asked
KINDS = [
    ("IVF_FLAT", dict(nlist=32), dict(nprobe=28)),
    ("IVF_SQ8", dict(nlist=32), dict(nprobe=28)),
    ("IVF_PQ", dict(nlist=32, m=8, nbits=8), dict(nprobe=28)),
    ("IVF_RABITQ", dict(nlist=32, refine="true", refine_type="SQ8"), dict(nprobe=28, refine_k=40, rbq_bits_query=8)),
    ("IVF_RABITQ_FASTSCAN", dict(nlist=32, refine="true", refine_type="fp32"), dict(nprobe=28, refine_k=40)),
    ("SCANN", dict(nlist=32, with_raw_data=True), dict(nprobe=28, reorder_k=100)),
]
NAMES = [k[0] for k in KINDS]


@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_life(client, name, kind, build, search, metric):
    create(client, name, kind, build, metric)
    client.insert(name, rows.rows(range(3000)))
    client.flush(name)
    d = client.describe_index(name, "vec")
    assert d["index_type"] == kind and d["metric_type"] == metric
    assert all(str(d[k]).lower() == str(v).lower() for k, v in build.items())
    assert wait_indexed(client, name) == 3000
    assert recall(client, name, range(3000), search, metric) >= 0.95
    assert recall(client, name, range(3000), search, metric, lambda k: k % 100 < 30, filter="n < 30") >= 0.95
    assert recall(client, name, range(3000), search, metric, lambda k: k % 100 == 7, filter="n == 7") == 1
    client.insert(name, rows.rows(range(3000, 3500)))  # growing: compared one by one
    client.delete(name, ids=list(range(100)))
    assert recall(client, name, range(100, 3500), search, metric) >= 0.95
    client.release_collection(name)
    client.drop_index(name, "vec")
    assert client.list_indexes(name) == []


@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_index_of_existing_rows(client, name, kind, build, search):
    client.create_collection(name, schema=rows.schema())
    client.insert(name, rows.rows(range(2000)))
    client.flush(name)
    client.create_index(name, rows.index(kind, **build))
    d = client.describe_index(name, "vec")
    assert d["state"] == "Finished" and d["indexed_rows"] == 2000
    client.load_collection(name)
    assert recall(client, name, range(2000), search) >= 0.95


@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_restart(new_server, kind, build, search):
    s = new_server().start()
    c = s.client()
    create(c, "c", kind, build)
    c.insert("c", rows.rows(range(2000)))
    c.flush("c")
    wait_indexed(c, "c")
    before = c.search("c", data=[rows.vector(9)], limit=10, search_params={"params": search}, consistency_level="Strong")
    c.close()
    s.kill()
    s.start()
    c = s.client()
    assert c.describe_index("c", "vec")["index_type"] == kind
    assert c.search("c", data=[rows.vector(9)], limit=10, search_params={"params": search}, consistency_level="Strong") == before
    assert recall(c, "c", range(2000), search) >= 0.95
    c.close()


WRONG_BUILD = [
    ("IVF_FLAT", dict(nlist=0), "Out of range in json: param 'nlist' (0) should be in range [1, 65536]"),
    ("IVF_FLAT", dict(nlist=65537), "Out of range in json: param 'nlist' (65537) should be in range [1, 65536]"),
    ("IVF_FLAT", dict(nlist="x"), "invalid integer value, key: 'nlist', value: 'x'"),
    ("IVF_SQ8", dict(sq_type="SQ5"), "invalid sq_type : SQ5, optional types are [sq4, sq6, sq8]"),
    ("IVF_PQ", dict(nlist=8), "param 'm' not exist in json"),
    ("IVF_PQ", dict(m=7), "The dimension of a vector (dim) should be a multiple of the number of subquantizers (m). Dimension: 16, m: 7"),
    ("IVF_PQ", dict(m=8, nbits=25), "Out of range in json: param 'nbits' (25) should be in range [1, 24]"),
    ("IVF_PQ", dict(m=8, nbits=16), "nbits 16 of IVF_PQ is not supported by this version"),
    ("IVF_RABITQ", dict(refine=True, refine_type="INVALID"), "invalid refine type : INVALID, optional types are [sq6, sq8, fp16, bf16, fp32, flat]"),
    ("IVF_RABITQ", dict(refine="perhaps"), "should be a boolean"),
    ("IVF_RABITQ", dict(rbq_bits=2), "rbq_bits 2 of IVF_RABITQ is not supported by this version"),
    ("IVF_RABITQ_FASTSCAN", dict(refine=True, refine_type="SQ8"), "invalid refine type : SQ8, optional types are [fp32, flat]"),
    ("SCANN", dict(sub_dim=3), "should be a multiple of sub_dim"),
]


@pytest.mark.parametrize("kind, build, message", WRONG_BUILD, ids=[f"{k}-{m}" for k, _, m in WRONG_BUILD])
def test_wrong_build(client, name, kind, build, message):
    client.create_collection(name, schema=rows.schema())
    with pytest.raises(MilvusException) as e:
        client.create_index(name, rows.index(kind, **build))
    assert message in e.value.message
    assert client.list_indexes(name) == []


WRONG_SEARCH = [
    ("IVF_FLAT", dict(nprobe=0), "Out of range in json: param 'nprobe' (0) should be in range [1, 65536]"),
    ("IVF_FLAT", dict(nprobe=65537), "Out of range in json: param 'nprobe' (65537) should be in range [1, 65536]"),
    ("IVF_FLAT", dict(nprobe=1.5), "Type conflict in json: param 'nprobe' (1.5) should be integer"),
    ("IVF_FLAT", dict(nprobe=True), "Type conflict in json: param 'nprobe' (true) should be integer"),
    ("IVF_SQ8", dict(refine_k=0.5), "Out of range in json: param 'refine_k' (0.5) should be in range [1.000000, "),
    ("IVF_RABITQ", dict(rbq_bits_query=9), "Out of range in json: param 'rbq_bits_query' (9) should be in range [0, 8]"),
    ("IVF_RABITQ", dict(refine_k=True), "Type conflict in json: param 'refine_k' (true) should be a number"),
    ("IVF_RABITQ_FASTSCAN", dict(rbq_bits_query=8), "Out of range in json: param 'rbq_bits_query' (8) should be in range [0, 0]"),
    ("SCANN", dict(reorder_k=5), "reorder_k(5) should be larger than k(10)"),
]


@pytest.mark.parametrize("kind, search, message", WRONG_SEARCH, ids=[f"{k}-{m}" for k, _, m in WRONG_SEARCH])
def test_wrong_search(client, name, kind, search, message):
    create(client, name, kind, dict(KINDS[NAMES.index(kind)][1]))
    client.insert(name, rows.rows(range(50)))
    with pytest.raises(MilvusException) as e:
        client.search(name, data=[rows.vector(1)], limit=10, search_params={"params": search})
    assert message in e.value.message
