"""Wrong requests get Milvus's code and words; nothing changes, nothing falls."""

import grpc
import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

import rows
import wire
from rows import DIM, count, create

PARAMETER = 1100


@pytest.fixture
def raw(server):
    w = wire.Wire(server.port)
    yield w
    w.close()


@pytest.fixture
def ten(client, name):
    """A collection with ten rows; after the test it has the same ten."""
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    yield name
    assert count(client, name) == 10
    assert rows.ids(client.search(name, data=[rows.vector(4)], limit=1, consistency_level="Strong")[0]) == [4]


def good(keys, dim=DIM):
    keys = list(keys)
    return {"id": wire.longs("id", keys), "vec": wire.vectors("vec", [rows.vector(k, dim) for k in keys], dim),
            "n": wire.longs("n", keys), "s": wire.strings("s", [f"s{k}" for k in keys])}


def changed(**fields):
    f = {**good([100, 101]), **fields}
    return [v for v in f.values() if v is not None]


INSERTS = [
    ("missing field", changed(n=None), 2, "fieldSchema(n) has no corresponding fieldData pass in: invalid parameter"),
    ("extra field", changed(x=wire.longs("x", [1, 2])), 2, ""),
    ("wrong dimension", changed(vec=wire.vectors("vec", np.zeros((2, 8)), 8)), 2, "the dim (8) of field data(vec) is not equal to schema dim (16)"),
    ("half a vector", changed(vec=wire.vectors("vec", np.zeros(24), 16)), 2, ""),
    ("wrong type", changed(n=wire.strings("n", ["1", "2"])), 2, ""),
    ("few values", changed(n=wire.longs("n", [1])), 2, "the num_rows (1) of field (n) is not equal to passed num_rows (2): invalid parameter[expected=2][actual=1]"),
    ("no rows", changed(), 0, "num_rows should be greater than 0"),
    ("NaN", changed(vec=wire.vectors("vec", np.full((2, DIM), np.nan), DIM)), 2, "value 'NaN' is not a number or infinity"),
    ("infinity", changed(vec=wire.vectors("vec", np.full((2, DIM), np.inf), DIM)), 2, "value '+Inf' is not a number or infinity"),
    ("long string", changed(s=wire.strings("s", ["ok", "x" * 65])), 2, "length of varchar field s exceeds max length, row number: 1, length: 65, max length: 64"),
    ("no fields", [], 2, ""),
    ("field twice", changed(n2=wire.longs("n", [5, 6])), 2, ""),
]


@pytest.mark.parametrize("fields, n, message", [c[1:] for c in INSERTS], ids=[c[0] for c in INSERTS])
def test_insert(raw, ten, fields, n, message):
    status = raw.insert(ten, fields, n)
    assert status.code == PARAMETER, status
    assert message in status.reason
    assert not status.retriable and status.extra_info["is_input_error"] == "true"


def test_insert_into_nothing(raw, ten):
    status = raw.insert("absent_collection", changed(), 2)
    assert status.code == 100 and "absent_collection" in status.reason
    assert raw.insert(ten, changed(), 2, partition_name="absent").code == 200


def test_stale_schema(raw, ten):
    status = raw.insert(ten, changed(), 2, schema_timestamp=1)
    assert status.code == 109 and status.error_code == common_pb2.SchemaMismatch


def test_huge_message(raw, ten):
    n = 1_200_000  # 77 MB, over the 64 MiB that a request may have
    with pytest.raises(grpc.RpcError) as e:
        raw.insert(ten, [wire.vectors("vec", np.zeros((n, DIM)), DIM)], n)
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in e.value.details()


VEC = rows.vector(1).tobytes()
SEARCHES = [
    ("truncated group", b"\x0a\xff\xff\xff\x7f", 1, {}, ""),
    ("empty group", b"", 1, {}, ""),
    ("half a float", wire.placeholders([VEC[:-1]]), 1, {}, ""),
    ("wrong dimension", wire.placeholders([VEC[:-4]]), 1, {}, "vector dimension mismatch"),
    ("NaN", wire.placeholders([np.full(DIM, np.nan, np.float32).tobytes()]), 1, {}, ""),
    ("nq lies", wire.placeholders([VEC]), 5, {}, ""),
    ("nq zero", wire.placeholders([]), 0, {}, "nq [0] is invalid"),
    ("limit zero", wire.placeholders([VEC]), 1, {"topk": "0"}, "topk [0] is invalid, it should be in range [1, 16384], but got 0"),
    ("limit above", wire.placeholders([VEC]), 1, {"topk": "16385"}, "topk [16385] is invalid, it should be in range [1, 16384], but got 16385"),
    ("limit no number", wire.placeholders([VEC]), 1, {"topk": "many"}, ""),
    ("params no JSON", wire.placeholders([VEC]), 1, {"params": "{"}, ""),
    ("unknown field", wire.placeholders([VEC]), 1, {"anns_field": "absent"}, "failed to create query plan: failed to get field schema by name: fieldName(absent) not found: invalid parameter"),
    ("field is no vector", wire.placeholders([VEC]), 1, {"anns_field": "n"}, ""),
    ("round_decimal", wire.placeholders([VEC]), 1, {"round_decimal": "7"}, "round_decimal [7] is invalid, should be -1 or an integer in range [0, 6]"),
    ("binary query", wire.placeholders([VEC], common_pb2.BinaryVector), 1, {}, ""),
]


@pytest.mark.parametrize("group, nq, params, message", [c[1:] for c in SEARCHES], ids=[c[0] for c in SEARCHES])
def test_search(raw, ten, group, nq, params, message):
    status = raw.search(ten, group, nq, **params)
    assert status.code != 0 and status.reason
    assert message in status.reason


SCHEMAS = [
    (lambda s: None, "schema does not contain vector field"),
    (lambda s: s.add_field("v", DataType.FLOAT_VECTOR, dim=1), "invalid dimension: 1. should be in range 2 ~ 32768"),
    (lambda s: s.add_field("v", DataType.FLOAT_VECTOR, dim=32769), "float vector dimension should be in range 2 ~ 32768"),
    (lambda s: [s.add_field(f"f{i}", DataType.INT8) for i in range(64)] + [s.add_field("v", DataType.FLOAT_VECTOR, dim=4)], "maximum field's number should be limited to 64"),
    (lambda s: [s.add_field(f"v{i}", DataType.FLOAT_VECTOR, dim=4) for i in range(11)], "maximum vector field's number should be limited to 10"),
    (lambda s: [s.add_field("9x", DataType.INT8), s.add_field("v", DataType.FLOAT_VECTOR, dim=4)], "The first character of a field name must be an underscore or letter."),
    (lambda s: [s.add_field("like", DataType.INT8), s.add_field("v", DataType.FLOAT_VECTOR, dim=4)], "like is keyword in milvus."),
    (lambda s: [s.add_field("t", DataType.VARCHAR, max_length=65536), s.add_field("v", DataType.FLOAT_VECTOR, dim=4)], "the maximum length specified for the field(t) should be in (0, 65535], but got 65536"),
]


@pytest.mark.parametrize("build, message", SCHEMAS, ids=[m for _, m in SCHEMAS])
def test_schema(client, name, build, message):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    build(s)
    with pytest.raises(MilvusException) as e:
        client.create_collection(name, schema=s)
    assert message in e.value.message
    assert not client.has_collection(name)


NAMES = [
    ("9x", "Invalid collection name: 9x. the first character of a collection name must be an underscore or letter: invalid parameter"),
    ("a-b", "collection name can only contain numbers, letters and underscores"),
    ("x" * 256, "the length of a collection name must be less than 255 characters"),
]


@pytest.mark.parametrize("bad, message", NAMES, ids=[n[:5] for n, _ in NAMES])
def test_collection_name(client, bad, message):
    with pytest.raises(MilvusException) as e:
        client.create_collection(bad, schema=rows.schema())
    assert message in e.value.message and e.value.code == PARAMETER


def test_collection_schema_bytes(raw):
    for schema in (b"", b"\xff\xff", schema_pb2.CollectionSchema(name="other").SerializeToString()):
        _, status = raw.call("CreateCollection", milvus_pb2.CreateCollectionRequest(collection_name="broken", schema=schema))
        assert status.code != 0 and status.reason


def test_absent_collection(client):
    for call in (lambda: client.insert("absent", rows.row(1)), lambda: client.query("absent", filter="id > 0"),
                 lambda: client.load_collection("absent"), lambda: client.flush("absent")):
        with pytest.raises(MilvusException) as e:
            call()
        assert e.value.code == 100
    with pytest.raises(MilvusException, match=r"can't find collection\[database=default\]\[collection=absent\]"):
        client.describe_collection("absent")


DELETES = ["", "n ==", "absent > 3", "n", "id in", "((((("]


@pytest.mark.parametrize("expr", DELETES)
def test_delete(raw, ten, expr):
    _, status = raw.call("Delete", milvus_pb2.DeleteRequest(collection_name=ten, expr=expr))
    assert status.code == PARAMETER and status.reason


def test_element_limits(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=DIM)
    s.add_field("a", DataType.ARRAY, element_type=DataType.INT64, max_capacity=3)
    s.add_field("j", DataType.JSON)
    client.create_collection(name, schema=s, index_params=rows.index())
    base = {"id": 1, "vec": rows.vector(1), "a": [1], "j": {}}
    client.insert(name, base)
    for wrong, message in [({"a": [1, 2, 3, 4]}, "array length exceeds max capacity"), ({"j": {"x": "y" * 70000}}, "")]:
        with pytest.raises(MilvusException) as e:
            client.insert(name, {**base, **wrong})
        assert message in e.value.message
    assert count(client, name) == 1


def test_int8_range(raw, client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=DIM)
    s.add_field("i", DataType.INT8)
    client.create_collection(name, schema=s, index_params=rows.index())
    small = schema_pb2.FieldData(type=schema_pb2.Int8, field_name="i", scalars=schema_pb2.ScalarField(int_data=schema_pb2.IntArray(data=[200])))
    status = raw.insert(name, [wire.longs("id", [1]), wire.vectors("vec", rows.vector(1), DIM), small], 1)
    assert status.code == PARAMETER and "the 0th element (200) out of range: [-128, 127]" in status.reason
