"""Collections with a partition key: rows are spread by its value, reads that pin it look at its partition."""

import random

import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows
from rows import count

STRONG = {"consistency_level": "Strong"}
KINDS = pytest.mark.parametrize("kind", [DataType.INT64, DataType.VARCHAR], ids=["int64", "varchar"])
TENANTS = 40


def make(client, name, kind=DataType.VARCHAR, partitions=8, auto_id=False, **kwargs):
    s = MilvusClient.create_schema(auto_id=auto_id)
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    s.add_field("tenant", kind, max_length=32, is_partition_key=True)
    s.add_field("n", DataType.INT64)
    client.create_collection(name, schema=s, index_params=rows.index(), num_partitions=partitions, **kwargs)


def tenant(kind, i: int):
    return i if kind == DataType.INT64 else f"tenant-{i}"


def literal(value) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def row(key: int, value) -> dict:
    return {"id": key, "vec": rows.vector(key), "tenant": value, "n": key % 10}


def check(client, name, want: dict):
    """want: key to tenant."""
    got = client.query(name, filter="id >= 0", output_fields=["tenant"], **STRONG)
    assert {r["id"]: r["tenant"] for r in got} == want and len(got) == len(want)
    values = sorted(set(want.values()))
    for value in values:
        mine = sorted(k for k, v in want.items() if v == value)
        for filter in (f"tenant == {literal(value)}", f"tenant in [{literal(value)}]"):
            assert sorted(r["id"] for r in client.query(name, filter=filter, **STRONG)) == mine
            assert count(client, name, filter) == len(mine)
        hits = client.search(name, data=[rows.vector(mine[0])], limit=100, filter=f"tenant == {literal(value)}", **STRONG)[0]
        assert sorted(rows.ids(hits)) == mine and hits[0]["id"] == mine[0]
    two = values[:2]
    in_two = sum(v in two for v in want.values())
    assert count(client, name, f"tenant in [{', '.join(map(literal, two))}]") == in_two
    assert count(client, name, " or ".join(f"tenant == {literal(v)}" for v in two)) == in_two
    assert count(client, name, f"not (tenant == {literal(two[0])})") == len(want) - sum(v == two[0] for v in want.values())
    assert count(client, name, f"tenant == {literal(two[0])} and n < 5") == sum(v == two[0] and k % 10 < 5 for k, v in want.items())
    assert count(client, name, f"tenant == {literal(two[0])} or n < 5") == sum(v == two[0] or k % 10 < 5 for k, v in want.items())
    assert count(client, name, "tenant in []") == 0
    hits = client.search(name, data=[rows.vector(7)], limit=1000, **STRONG)[0]
    assert sorted(rows.ids(hits)) == sorted(want)


@KINDS
@pytest.mark.parametrize("shards", [1, 3])
def test_writes_and_reads(client, name, kind, shards):
    make(client, name, kind, num_shards=shards)
    d = client.describe_collection(name)
    assert d["num_partitions"] == 8
    assert [f["name"] for f in d["fields"] if f.get("is_partition_key")] == ["tenant"]
    assert sorted(client.list_partitions(name)) == [f"_default_{i}" for i in range(8)]
    rng = random.Random(shards)
    want = {k: tenant(kind, rng.randrange(TENANTS)) for k in range(400)}
    client.insert(name, [row(k, v) for k, v in want.items()])
    check(client, name, want)
    client.flush(name)
    per = [client.get_partition_stats(name, p)["row_count"] for p in client.list_partitions(name)]
    assert sum(per) == 400 and sum(n > 0 for n in per) >= 6
    check(client, name, want)
    # An upsert moves a row to the partition of its new value.
    moved = {k: tenant(kind, rng.randrange(TENANTS)) for k in range(50, 450, 3)}
    client.upsert(name, [row(k, v) for k, v in moved.items()])
    want |= moved
    check(client, name, want)
    gone = tenant(kind, 3)
    assert client.delete(name, filter=f"tenant == {literal(gone)}")["delete_count"] == sum(v == gone for v in want.values())
    want = {k: v for k, v in want.items() if v != gone}
    client.delete(name, ids=list(range(100, 120)))
    want = {k: v for k, v in want.items() if not 100 <= k < 120}
    check(client, name, want)
    client.flush(name)
    check(client, name, want)


def test_restart(new_server, log_type):
    s = new_server(log_type).start()
    c = s.client()
    make(c, "c")
    want = {k: tenant(DataType.VARCHAR, k % 11) for k in range(100)}
    c.insert("c", [row(k, v) for k, v in want.items()])
    c.flush("c")
    more = {k: tenant(DataType.VARCHAR, k % 7) for k in range(80, 130)}
    c.upsert("c", [row(k, v) for k, v in more.items()])
    want |= more
    c.close()
    s.kill()
    c = s.start().client()
    check(c, "c", want)
    c.upsert("c", [row(0, "tenant-9")])
    check(c, "c", want | {0: "tenant-9"})
    c.close()


def test_auto_id(client, name):
    make(client, name, auto_id=True)
    r = client.insert(name, [{"vec": rows.vector(k), "tenant": f"t{k % 5}", "n": k} for k in range(50)])
    assert count(client, name, 'tenant == "t1"') == 10
    old = r["ids"][1]
    client.upsert(name, [{"id": old, "vec": rows.vector(1), "tenant": "t2", "n": 1}])
    assert count(client, name) == 50
    assert count(client, name, 'tenant == "t1"') == 9
    assert count(client, name, 'tenant == "t2"') == 11
    assert client.get(name, ids=[old]) == []


def test_default_number(client, name):
    make(client, name, partitions=None)
    assert client.describe_collection(name)["num_partitions"] == 16
    with pytest.raises(MilvusException, match="create duplicate collection with different parameters"):
        make(client, name, partitions=4)


def test_partitions_are_not_named(client, name):
    make(client, name)
    client.insert(name, [row(1, "a")])
    p = {"partition_names": ["_default_0"]}
    manual = "not support manually specifying the partition names if partition key mode is used"
    for call, text in (
        (lambda: client.insert(name, [row(2, "a")], partition_name="_default_0"), manual),
        (lambda: client.upsert(name, [row(1, "b")], partition_name="_default_0"), manual),
        (lambda: client.delete(name, filter="id == 1", partition_name="_default_0"), manual),
        (lambda: client.query(name, filter="id == 1", **p), manual),
        (lambda: client.search(name, data=[rows.vector(1)], limit=1, **p), manual),
        (lambda: client.create_partition(name, "p"), "disable create partition if partition key mode is used"),
        (lambda: client.drop_partition(name, "_default_0"), "disable drop partition if partition key mode is used"),
        (lambda: client.load_partitions(name, ["_default_0"]), "disable load partitions if partition key mode is used"),
        (lambda: client.release_partitions(name, ["_default_0"]), "disable release partitions if partition key mode is used"),
    ):
        with pytest.raises(MilvusException, match=text):
            call()
    assert count(client, name, 'tenant == "a"') == 1
    with pytest.raises(MilvusException, match="partitionkey.isolation = true is not supported"):
        client.alter_collection_properties(name, {"partitionkey.isolation": "true"})


def test_missing_or_null_key(client, name):
    make(client, name)
    for bad in ({"id": 1, "vec": rows.vector(1), "n": 1}, row(1, None)):
        with pytest.raises(MilvusException):
            client.insert(name, [bad])
    assert count(client, name) == 0
