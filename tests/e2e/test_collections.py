"""Collections: create, describe, list, rename, truncate, load, properties, drop."""

import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows
from rows import count, create


def state(client, name, **kwargs) -> str:
    return client.get_load_state(name, **kwargs)["state"].name


def test_describe_says_what_was_created(client, name):
    s = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True, description="things")
    s.add_field("key", DataType.VARCHAR, is_primary=True, max_length=32)
    s.add_field("v", DataType.FLOAT_VECTOR, dim=4)
    s.add_field("a", DataType.ARRAY, element_type=DataType.INT32, max_capacity=5, nullable=True)
    s.add_field("d", DataType.DOUBLE, default_value=2.5, description="a number")
    client.create_collection(name, schema=s, consistency_level="Session", num_shards=2)

    d = client.describe_collection(name)
    assert d["collection_name"] == name
    assert d["description"] == "things"
    assert d["auto_id"] is False
    assert d["enable_dynamic_field"] is True
    assert d["num_shards"] == 2
    assert d["num_partitions"] == 1
    assert d["consistency_level"] == 1  # Session
    assert [f["name"] for f in d["fields"]] == ["key", "v", "a", "d"]
    assert [f["field_id"] for f in d["fields"]] == [100, 101, 102, 103]
    key, v, a, num = d["fields"]
    assert key["is_primary"] and key["type"] == DataType.VARCHAR and key["params"]["max_length"] == 32
    assert v["params"]["dim"] == 4
    assert a["nullable"] and a["element_type"] == DataType.INT32 and a["params"]["max_capacity"] == 5
    assert num["description"] == "a number" and num["default_value"].double_data == 2.5


def test_create_again(client, name):
    create(client, name)
    client.create_collection(name, schema=rows.schema())
    other = rows.schema()
    other.add_field("more", DataType.BOOL)
    with pytest.raises(MilvusException, match="create duplicate collection with different parameters, collection: " + name):
        client.create_collection(name, schema=other)


def test_list_has_drop(client, name):
    assert not client.has_collection(name)
    create(client, name)
    assert client.has_collection(name)
    assert name in client.list_collections()
    client.drop_collection(name)
    assert not client.has_collection(name)
    assert name not in client.list_collections()
    client.drop_collection(name)  # dropping what is not there succeeds


def test_dropped_rows_do_not_return(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(50)))
    client.drop_collection(name)
    create(client, name)
    assert count(client, name) == 0


def test_rename(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    client.rename_collection(name, name + "_new")
    try:
        assert not client.has_collection(name)
        assert count(client, name + "_new") == 10
        create(client, name)
        with pytest.raises(MilvusException, match="duplicated new collection name"):
            client.rename_collection(name, name + "_new")
    finally:
        client.drop_collection(name + "_new")
    with pytest.raises(MilvusException, match="collection not found"):
        client.rename_collection(name + "_absent", name + "_other")


def test_truncate(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(100)))
    client.flush(name)
    client.insert(name, rows.rows(range(100, 150)))
    client.truncate_collection(name)
    assert count(client, name) == 0
    assert state(client, name) == "Loaded"
    assert client.list_indexes(name) == ["vec"]
    client.insert(name, rows.rows(range(5)))
    assert count(client, name) == 5


def test_load_and_release(client, name):
    client.create_collection(name, schema=rows.schema())
    assert state(client, name) == "NotLoad"
    with pytest.raises(MilvusException, match="collection not loaded"):
        client.query(name, filter="n == 1")
    with pytest.raises(MilvusException, match="index not found"):
        client.load_collection(name)
    client.create_index(name, rows.index())
    client.insert(name, rows.rows(range(20)))
    client.load_collection(name)
    assert state(client, name) == "Loaded"
    assert count(client, name) == 20

    client.release_collection(name)
    client.release_collection(name)
    assert state(client, name) == "NotLoad"
    with pytest.raises(MilvusException, match="collection not loaded"):
        client.search(name, data=[rows.vector(1)], limit=1)
    client.insert(name, rows.rows(range(20, 30)))  # rows go in whether loaded or not
    client.load_collection(name)
    assert count(client, name) == 30
    assert state(client, name + "_absent") == "NotExist"


def test_statistics(client, name):
    create(client, name)
    assert client.get_collection_stats(name)["row_count"] == 0
    client.insert(name, rows.rows(range(70)))
    client.flush(name)
    assert client.get_collection_stats(name)["row_count"] == 70


def test_properties(client, name):
    create(client, name)
    client.alter_collection_properties(name, {"collection.description": "told later", "mine": "kept"})
    assert client.describe_collection(name)["properties"]["mine"] == "kept"
    client.drop_collection_properties(name, ["mine"])
    assert "mine" not in client.describe_collection(name).get("properties", {})


def test_many_collections(client):
    names = [f"many{i}" for i in range(30)]
    for n in names:
        create(client, n)
        client.insert(n, rows.rows(range(3)))
    assert set(names) <= set(client.list_collections())
    assert [count(client, n) for n in names] == [3] * 30
    for n in names:
        client.drop_collection(n)
    assert not set(names) & set(client.list_collections())
