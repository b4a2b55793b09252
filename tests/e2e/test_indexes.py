"""Indexes: create, describe, list, drop, and what they refuse."""

import pytest
from pymilvus import MilvusClient, MilvusException

import rows
from rows import create


def test_describe(client, name):
    create(client, name, "HNSW", "COSINE")
    client.insert(name, rows.rows(range(100)))
    client.flush(name)
    assert client.list_indexes(name) == ["vec"]
    d = client.describe_index(name, "vec")
    assert d["index_type"] == "HNSW" and d["metric_type"] == "COSINE" and d["field_name"] == "vec"
    assert int(d["M"]) == 16 and int(d["efConstruction"]) == 100
    assert d["total_rows"] == 100 and d["indexed_rows"] == 100 and d["pending_index_rows"] == 0
    assert d["state"] == "Finished"


def test_autoindex(client, name):
    client.create_collection(name, schema=rows.schema())
    p = MilvusClient.prepare_index_params()
    p.add_index("vec")
    client.create_index(name, p)
    d = client.describe_index(name, "vec")
    assert d["index_type"] == "AUTOINDEX" and d["metric_type"] == "COSINE"


def test_drop(client, name):
    client.create_collection(name, schema=rows.schema(), index_params=rows.index())
    with pytest.raises(MilvusException, match="vector index cannot be dropped on loaded collection"):
        client.drop_index(name, "vec")
    client.release_collection(name)
    client.drop_index(name, "vec")
    client.drop_index(name, "vec")
    assert client.list_indexes(name) == []
    assert client.describe_index(name, "vec") is None


def test_index_of_existing_rows(client, name):
    client.create_collection(name, schema=rows.schema())
    client.insert(name, rows.rows(range(2000)))
    client.flush(name)
    client.create_index(name, rows.index("HNSW", M=8, efConstruction=64))
    d = client.describe_index(name, "vec")
    assert d["state"] == "Finished" and d["indexed_rows"] == 2000
    client.load_collection(name)
    assert client.search(name, data=[rows.vector(1234)], limit=1, search_params={"params": {"ef": 64}})[0][0]["id"] == 1234


def test_change_of_kind(client, name):
    create(client, name, "FLAT")
    client.insert(name, rows.rows(range(300)))
    client.flush(name)
    client.release_collection(name)
    client.drop_index(name, "vec")
    client.create_index(name, rows.index("HNSW", "IP", M=8, efConstruction=64))
    client.load_collection(name)
    q = rows.vector(5)
    hits = client.search(name, data=[q], limit=10, search_params={"params": {"ef": 300}}, consistency_level="Strong")[0]
    assert rows.ids(hits) == rows.nearest(range(300), q, 10, "IP")


def test_create_again(client, name):
    client.create_collection(name, schema=rows.schema(), index_params=rows.index("HNSW", M=8, efConstruction=64))
    client.create_index(name, rows.index("HNSW", M=8, efConstruction=64))
    with pytest.raises(MilvusException, match="at most one distinct index is allowed per field"):
        client.create_index(name, rows.index("HNSW", M=9, efConstruction=64))


WRONG = [
    (dict(kind="NOPE"), "invalid index type: NOPE"),
    (dict(kind="HNSW", metric="NOPE", M=16, efConstruction=64), "float vector index does not support metric type: NOPE"),
    (dict(kind="HNSW", metric="HAMMING", M=16, efConstruction=64), "float vector index does not support metric type: HAMMING"),
    (dict(kind="HNSW", M=1, efConstruction=64), "Out of range in json: param 'M' (1) should be in range [2, 2048]"),
    (dict(kind="HNSW", M=16, efConstruction=0), "param 'efConstruction' (0) should be in range"),
    (dict(field="absent"), "cannot create index on non-exist field: absent"),
]


@pytest.mark.parametrize("args, message", WRONG, ids=[m for _, m in WRONG])
def test_refused(client, name, args, message):
    client.create_collection(name, schema=rows.schema())
    with pytest.raises(MilvusException) as e:
        client.create_index(name, rows.index(**args))
    assert message in e.value.message
    assert client.list_indexes(name) == []


def test_ef_must_cover_limit(client, name):
    create(client, name, "HNSW")
    client.insert(name, rows.rows(range(50)))
    with pytest.raises(MilvusException, match=r"ef\(1\) should be larger than k\(10\)"):
        client.search(name, data=[rows.vector(1)], limit=10, search_params={"params": {"ef": 1}})
