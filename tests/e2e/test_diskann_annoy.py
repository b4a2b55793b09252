"""DISKANN and ANNOY: create, describe, load, search, restart, damage, drop, and what they refuse."""

import time

import pytest
from pymilvus import MilvusException

import rows
from indexed import create, recall, wait_indexed
from rows import ids

# name, build parameters, search parameters
KINDS = [
    ("DISKANN", dict(max_degree=32, search_list_size=60, search_cache_budget_gb_ratio=0.05), dict(search_list=60, beamwidth=4)),
    ("ANNOY", dict(n_trees=16), dict(search_k=1500)),
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
    assert all(str(d[k]) == str(v) for k, v in build.items())
    assert wait_indexed(client, name) == 3000
    assert recall(client, name, range(3000), search, metric) >= 0.95
    assert recall(client, name, range(3000), {}, metric) >= 0.5
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


@pytest.mark.parametrize("kind, build, search", KINDS, ids=NAMES)
def test_damaged_file(new_server, kind, build, search):
    """A damaged index file is built again; rows are found meanwhile."""
    s = new_server().start()
    c = s.client()
    create(c, "c", kind, build)
    c.insert("c", rows.rows(range(2000)))
    c.flush("c")
    wait_indexed(c, "c")
    c.close()
    s.kill()
    magic = {"DISKANN": b"RKIXDISK", "ANNOY": b"RKIXANOY"}[kind]
    files = [f for f in s.data.rglob("*") if f.is_file() and magic in f.read_bytes()[:4096]]
    assert files
    for f in files:
        b = bytearray(f.read_bytes())
        b[len(b) // 2] ^= 1
        f.write_bytes(b)
    s.start()
    c = s.client()
    assert recall(c, "c", range(2000), search) >= 0.95
    deadline = time.monotonic() + 60
    while any(f.exists() for f in files) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert wait_indexed(c, "c") == 2000
    assert recall(c, "c", range(2000), search) >= 0.95
    c.close()


@pytest.mark.parametrize("n_trees", [0, 1025, "x"])
def test_wrong_build(client, name, n_trees):
    client.create_collection(name, schema=rows.schema())
    with pytest.raises(MilvusException) as e:
        client.create_index(name, rows.index("ANNOY", n_trees=n_trees))
    assert "invalid index type: ANNOY" in e.value.message and "n_trees" in e.value.message
    assert client.list_indexes(name) == []


@pytest.mark.parametrize("value", [-1, "100", 100.0, True, 1e9])
def test_any_build_parameter(client, name, value):
    """As in Milvus, no value of DISKANN's build parameters is wrong."""
    params = dict(max_degree=value, search_list_size=value, pq_code_budget_gb_ratio=value, search_cache_budget_gb_ratio=value)
    create(client, name, "DISKANN", params)
    client.insert(name, rows.rows(range(300)))
    client.flush(name)
    assert wait_indexed(client, name) == 300
    assert recall(client, name, range(300), {}) >= 0.95


def test_mmap(client, name):
    client.create_collection(name, schema=rows.schema())
    with pytest.raises(MilvusException) as e:
        client.create_index(name, rows.index("DISKANN", **{"mmap.enabled": True}))
    assert "index type DISKANN does not support mmap" in e.value.message
    client.create_index(name, rows.index("DISKANN"))
    with pytest.raises(MilvusException) as e:
        client.alter_index_properties(name, "vec", {"mmap.enabled": True})
    assert "index type DISKANN does not support mmap" in e.value.message


WRONG_SEARCH = [
    ("DISKANN", dict(search_list_size=1), "search_list_size(1) should be larger than k(10)"),
    ("DISKANN", dict(search_list=9), "search_list_size(9) should be larger than k(10)"),
    ("DISKANN", dict(search_list_size=-1), "Out of range in json: param 'search_list_size' (-1) should be in range [1, 2147483647]"),
    ("DISKANN", dict(search_list_size=100.0), "Type conflict in json: param 'search_list_size' (100.0) should be integer"),
    ("DISKANN", dict(search_list_size=True), "Type conflict in json: param 'search_list_size' (true) should be integer"),
    ("DISKANN", dict(beamwidth=129), "Out of range in json: param 'beamwidth' (129) should be in range [1, 128]"),
    ("DISKANN", dict(filter_threshold=2), "param 'filter_threshold'"),
    ("ANNOY", dict(search_k=9), "search_k(9) should be larger than k(10)"),
    ("ANNOY", dict(search_k=-2), "Out of range in json: param 'search_k' (-2) should be in range [-1, 2147483647]"),
]


@pytest.mark.parametrize("kind, search, message", WRONG_SEARCH, ids=[f"{k}-{m}" for k, _, m in WRONG_SEARCH])
def test_wrong_search(client, name, kind, search, message):
    create(client, name, kind, dict(KINDS[NAMES.index(kind)][1]))
    client.insert(name, rows.rows(range(50)))
    with pytest.raises(MilvusException) as e:
        client.search(name, data=[rows.vector(1)], limit=10, search_params={"params": search})
    assert message in e.value.message


@pytest.mark.parametrize("search", [dict(beam_width_ratio=17.0), dict(beam_width_ratio=None), dict(search_list="100"), {}])
def test_search_parameters(client, name, search):
    create(client, name, "DISKANN", {})
    client.insert(name, rows.rows(range(500)))
    client.flush(name)
    wait_indexed(client, name)
    hits = client.search(name, data=[rows.vector(3)], limit=10, search_params={"params": search}, consistency_level="Strong")
    assert ids(hits[0])[0] == 3
