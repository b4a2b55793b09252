"""Fields that are added to a collection with rows: old rows read as the default or null."""

import threading
import time

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.exceptions import SchemaMismatchRetryableException
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

import rows
import wire
from rows import count

SEALED = pytest.mark.parametrize("sealed", [False, True], ids=["growing", "sealed"])
STRONG = {"consistency_level": "Strong"}

# name: type, its parameters, default, a value of new rows
FIELDS = {
    "b": (DataType.BOOL, {}, True, False),
    "i8": (DataType.INT8, {}, np.int8(-5), 7),
    "i16": (DataType.INT16, {}, np.int16(300), -300),
    "i32": (DataType.INT32, {}, np.int32(70000), 5),
    "i64": (DataType.INT64, {}, 1 << 40, 3),
    "f": (DataType.FLOAT, {}, 0.5, 1.5),
    "d": (DataType.DOUBLE, {}, -2.25, 4.75),
    "t": (DataType.VARCHAR, {"max_length": 20}, "old", "new"),
    "j": (DataType.JSON, {}, None, {"a": [1, 2]}),
    "a": (DataType.ARRAY, {"element_type": DataType.INT64, "max_capacity": 4}, None, [1, 2, 3]),
    "v": (DataType.FLOAT_VECTOR, {"dim": 4}, None, [1.0, 2.0, 3.0, 4.0]),
}


def add(client, name, field, default=True):
    kind, params, value, _ = FIELDS[field]
    extra = {"default_value": value} if default and value is not None else {}
    client.add_collection_field(name, field, kind, nullable=True, **params, **extra)


def old_value(field, default=True):
    return FIELDS[field][2] if default else None


def new_row(key: int) -> dict:
    return rows.row(key) | {f: spec[3] for f, spec in FIELDS.items()}


def read(client, name, filter="id >= 0") -> dict[int, dict]:
    return {r["id"]: r for r in client.query(name, filter=filter, output_fields=["*"], **STRONG)}


def same(got: dict, want: dict):
    assert set(got) == set(want)
    for field, value in want.items():
        if field in ("vec", "v") and value is not None:
            assert np.array_equal(np.array(got[field], np.float32), np.array(value, np.float32)), field
        else:
            assert got[field] == value, field


def check(client, name, old, new, default=True):
    """The rows of old keys have no added field, those of new keys have all."""
    got = read(client, name)
    assert sorted(got) == sorted([*old, *new])
    for k in old:
        same(got[k], rows.row(k) | {f: old_value(f, default) for f in FIELDS})
    for k in new:
        same(got[k], new_row(k))
    assert count(client, name) == len(old) + len(new)
    for f, (_, _, value, _) in FIELDS.items():
        if f != "v":
            null = 0 if default and value is not None else len(old)
            assert count(client, name, f"{f} is null") == null, f
            assert count(client, name, f"{f} is not null") == len(old) + len(new) - null, f
    of_old = len(old) if default else 0
    for filter in ("b == true", "i8 == -5", "i16 > 0", "i32 == 70000", "i64 >= 1000", "f < 1", "d < 0", 't like "ol%"', "i8 + 5 == 0"):
        assert count(client, name, filter) == of_old, filter
    for filter in ("b == false", "i8 in [7, 8]", "i64 == 3", 't == "new"', 'j["a"][0] == 1', "array_contains(a, 2)", "a[0] == 1"):
        assert count(client, name, filter) == len(new), filter


@SEALED
@pytest.mark.parametrize("default", [False, True], ids=["null", "default"])
def test_every_type(client, name, sealed, default):
    rows.create(client, name)
    client.insert(name, rows.rows(range(40)))
    if sealed:
        client.flush(name)
    for f in FIELDS:
        add(client, name, f, default)
    check(client, name, range(40), [], default)
    client.insert(name, [new_row(k) for k in range(40, 60)])
    check(client, name, range(40), range(40, 60), default)
    fields = client.describe_collection(name)["fields"]
    assert [f["name"] for f in fields] == ["id", "vec", "n", "s", *FIELDS]
    assert [f["field_id"] for f in fields] == list(range(100, 100 + len(fields)))
    assert all(f["nullable"] for f in fields[4:])
    client.flush(name)  # one segment that began before the change, with rows of both
    check(client, name, range(40), range(40, 60), default)
    job = client.compact(name)
    wait_for(lambda: client.get_compaction_state(job) == "Completed")
    check(client, name, range(40), range(40, 60), default)
    client.upsert(name, [new_row(k) for k in range(10)])
    client.delete(name, filter="id >= 20 and id < 30")
    check(client, name, [*range(10, 20), *range(30, 40)], [*range(10), *range(40, 60)], default)
    client.flush(name)
    check(client, name, [*range(10, 20), *range(30, 40)], [*range(10), *range(40, 60)], default)


def wait_for(done, seconds=60):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_kill_and_restart(new_server, log_type):
    s = new_server(log_type).start()
    c = s.client()
    rows.create(c, "c")
    c.insert("c", rows.rows(range(30)))
    c.flush("c")
    c.insert("c", rows.rows(range(30, 60)))  # in the log only
    for f in FIELDS:
        add(c, "c", f)
    c.insert("c", [new_row(k) for k in range(60, 80)])
    old, new = [*range(60)], [*range(60, 80)]
    for more in (None, 80, None):
        c.close()
        s.kill()
        c = s.start().client()
        check(c, "c", old, new)
        if more:
            c.insert("c", [new_row(k) for k in range(more, more + 5)])
            new += range(more, more + 5)
            c.flush("c")
            check(c, "c", old, new)
    c.close()


@pytest.mark.parametrize("kind", ["FLAT", "HNSW"])
@SEALED
def test_vector_field(client, name, kind, sealed):
    """Rows that lack the vector are never a hit, whether a segment has the column or not."""
    rows.create(client, name)
    old = range(3000)
    client.insert(name, rows.rows(old))
    if sealed:
        client.flush(name)
    client.add_collection_field(name, "w", DataType.FLOAT_VECTOR, dim=8, nullable=True)
    search = {"anns_field": "w", "limit": 10, "consistency_level": "Strong", "output_fields": ["n", "w"]}
    with pytest.raises(MilvusException, match="field index of the field: w is not loaded, please reload the collection"):
        client.search(name, data=[rows.vector(1, 8)], **search)
    params = {"M": 16, "efConstruction": 100} if kind == "HNSW" else {}
    client.create_index(name, rows.index(kind, field="w", **params))
    assert client.describe_index(name, "w")["pending_index_rows"] == 0
    client.release_collection(name)
    client.load_collection(name)
    assert client.search(name, data=[rows.vector(1, 8)], **search) == [[]]
    new = range(3000, 6000)
    client.insert(name, [rows.row(k) | {"w": rows.vector(k, 8)} for k in new])
    for flush in (False, True):
        if flush:
            client.flush(name)
            wait_for(lambda: client.describe_index(name, "w")["state"] == "Finished")
        for filter, keys in (("", new), ("n < 20", [k for k in new if k % 100 < 20]), ("id < 3000", [])):
            q = rows.vector(7, 8)
            hits = client.search(name, data=[q], filter=filter, search_params={"params": {"ef": 200}}, **search)[0]
            want = rows.nearest(keys, q, 10) if keys else []
            assert len(set(rows.ids(hits)) & set(want)) >= 0.9 * len(want), (flush, filter)
            for h in hits:
                assert np.array_equal(np.array(h["entity"]["w"], np.float32), rows.vector(h["id"], 8))
    assert client.get(name, ids=[5])[0]["w"] is None
    assert count(client, name) == 6000
    assert rows.ids(client.search(name, data=[rows.vector(5)], anns_field="vec", limit=1, **STRONG)[0]) == [5]
    client.release_collection(name)
    client.drop_index(name, "w")
    with pytest.raises(MilvusException, match=r"there is no vector index on field: \[w\], please create index first"):
        client.load_collection(name)


@SEALED
def test_dynamic_key_of_that_name(client, name, sealed):
    """What was a dynamic key stays one in old rows; the field is another thing."""
    client.create_collection(name, schema=rows.schema(dynamic=True), index_params=rows.index())
    client.insert(name, [rows.row(k) | {"x": k, "y": 1} for k in range(20)])
    if sealed:
        client.flush(name)
    assert count(client, name, "x < 5") == 5
    client.add_collection_field(name, "x", DataType.INT64, nullable=True)
    assert count(client, name, "x < 5") == 0
    assert count(client, name, 'x is null and $meta["x"] < 5') == 5
    client.insert(name, [rows.row(k) | {"x": k, "y": 2} for k in range(20, 30)])
    assert count(client, name, "x >= 20") == 10
    assert count(client, name, '$meta["x"] >= 20') == 0
    got = client.query(name, filter="id in [3, 25]", output_fields=["x", "y"], **STRONG)
    assert [(r["id"], r["x"], r["y"]) for r in sorted(got, key=lambda r: r["id"])] == [(3, None, 1), (25, 25, 2)]


@SEALED
def test_dynamic_field_is_switched_on(client, name, sealed):
    rows.create(client, name)
    client.insert(name, rows.rows(range(20)))
    if sealed:
        client.flush(name)
    with pytest.raises(MilvusException):
        client.insert(name, [rows.row(20) | {"x": 1}])
    client.alter_collection_properties(name, {"dynamicfield.enabled": "true"})
    assert client.describe_collection(name)["enable_dynamic_field"]
    client.insert(name, [rows.row(k) | {"x": k} for k in range(20, 25)])
    for flush in (False, True):
        if flush:
            client.flush(name)
        assert count(client, name, "x >= 20") == 5
        assert count(client, name, "exists x") == 5
        assert count(client, name, "x is null") == 20
        got = read(client, name)
        assert got[24]["x"] == 24 and "x" not in got[3]
    client.alter_collection_properties(name, {"dynamicfield.enabled": "true"})  # is on
    with pytest.raises(MilvusException, match="dynamicfield.enabled = false is not supported"):
        client.alter_collection_properties(name, {"dynamicfield.enabled": "false"})


def test_other_client_learns_of_it(server, client, name):
    """A client that remembers the schema from before writes and reads on."""
    rows.create(client, name)
    other = server.client()
    other.insert(name, rows.rows(range(5)))
    client.add_collection_field(name, "x", DataType.INT64, nullable=True, default_value=9)
    other.insert(name, rows.rows(range(5, 10)))
    other.insert(name, [rows.row(10) | {"x": 1}])
    other.upsert(name, [rows.row(0) | {"x": 2}])
    assert count(other, name, "x == 9") == 9
    assert {r["x"] for r in other.query(name, filter="id in [0, 10]", output_fields=["x"], **STRONG)} == {1, 2}
    other.close()


def test_stale_timestamp_is_told(server, client, name):
    rows.create(client, name)
    w = wire.Wire(server.port)
    at = client.describe_collection(name)["update_timestamp"]
    data = [wire.longs("id", [1]), wire.vectors("vec", [rows.vector(1)], rows.DIM), wire.longs("n", [1]), wire.strings("s", ["a"])]
    assert w.insert(name, data, 1, schema_timestamp=at).code == 0
    client.add_collection_field(name, "x", DataType.INT64, nullable=True)
    now = client.describe_collection(name)["update_timestamp"]
    assert now > at
    status = w.insert(name, data, 1, schema_timestamp=at)
    assert (status.code, status.error_code) == (109, common_pb2.SchemaMismatch)
    assert w.insert(name, data, 1, schema_timestamp=now).code == 0
    assert w.insert(name, data, 1).code == 0
    w.close()


def test_while_others_write(server, client, name):
    """Writers of both schemas go on while fields are added; no row is lost or torn."""
    rows.create(client, name, num_shards=2)
    stop, errors, written = threading.Event(), [], {}

    def sure(f, **kwargs):
        """The client asks for the schema again once; it may change once more meanwhile."""
        while True:
            try:
                return f(name, **kwargs)
            except SchemaMismatchRetryableException:
                pass

    def write(first: int):
        c, key = server.client(), first
        try:
            while not stop.is_set():
                sure(c.insert, data=rows.rows(range(key, key + 5)))
                sure(c.upsert, data=[rows.row(key)])
                c.delete(name, ids=[key + 1])
                key += 5
        except Exception as e:
            errors.append(e)
        written[first] = key
        c.close()

    threads = [threading.Thread(target=write, args=(n * 100_000,)) for n in range(3)]
    for t in threads:
        t.start()
    for i in range(20):
        client.add_collection_field(name, f"x{i}", DataType.INT64, nullable=True, default_value=i)
        if i % 7 == 0:
            client.flush(name)
    stop.set()
    for t in threads:
        t.join()
    assert not errors
    keys = [k for first, end in written.items() for k in range(first, end) if k % 5 != 1]
    assert count(client, name) == len(keys)
    for i in range(20):
        assert count(client, name, f"x{i} == {i}") == len(keys)
    got = client.query(name, filter=f"id in {keys[-50:]}", output_fields=["*"], **STRONG)
    for r in got:
        same(r, rows.row(r["id"]) | {f"x{i}": i for i in range(20)})
    assert len(got) == 50


def request(w: wire.Wire, rpc: str, name: str, f: schema_pb2.FieldSchema):
    if rpc == "AddCollectionField":
        return w.call(rpc, milvus_pb2.AddCollectionFieldRequest(collection_name=name, schema=f.SerializeToString()))[1]
    m = milvus_pb2.AlterCollectionSchemaRequest
    r = m(collection_name=name, action=m.Action(add_request=m.AddRequest(field_infos=[m.FieldInfo(field_schema=f)])))
    return w.call(rpc, r)[0].alter_status


def field(name="x", kind=schema_pb2.Int64, nullable=True, **kwargs):
    params = [{"key": k, "value": v} for k, v in kwargs.pop("params", {}).items()]
    return schema_pb2.FieldSchema(name=name, data_type=kind, nullable=nullable, type_params=params, **kwargs)


REFUSED = [
    (field(nullable=False), 1100, "added field must be nullable, please check it, field name = x: invalid parameter"),
    (field(nullable=False, default_value={"long_data": 1}), 1100, "added field must be nullable, please check it, field name = x"),
    (field("n"), 1100, "duplicated field name n: invalid parameter"),
    (field("$meta", schema_pb2.JSON), 1100, "not support to add system field, field name = $meta"),
    (field("RowID"), 1100, "not support to add system field, field name = RowID"),
    (field(is_primary_key=True), 1100, "not support to add pk field, field name = x: invalid parameter"),
    (field(autoID=True), 1100, "only primary field can speficy AutoID with true, field name = x: invalid parameter"),
    (field(is_partition_key=True), 1100, "not support to add partition key field, field name  = x: invalid parameter"),
    (field(kind=schema_pb2.JSON, is_clustering_key=True), 1100, "clustering key field x has unsupported data type JSON"),
    (field(is_dynamic=True), 1100, "cannot explicitly set a field as a dynamic field"),
    (field("1x"), 1701, "The first character of a field name must be an underscore or letter."),
    (field("like"), 1701, "like is keyword in milvus."),
    (field(kind=schema_pb2.VarChar), 1101, "type param(max_length) should be specified for the field(x) of collection"),
    (field(kind=schema_pb2.VarChar, params={"max_length": "65536"}), 1100, "should be in (0, 65535], but got 65536 instead"),
    (field(kind=schema_pb2.FloatVector), 1100, "dimension is not defined in field type params of field x"),
    (field(kind=schema_pb2.Array, params={"max_capacity": "3"}), 1100, "element data type None is not valid"),
    (field(kind=0), 1100, "field data type: None is not supported"),
    (field(kind=schema_pb2.JSON, default_value={"bytes_data": b"{}"}), 1100, "type not support default_value, type:JSON, name:x"),
    (field(default_value={"string_data": "a"}), 1100, "is not equal to the type(DataType_VarChar) of default_value"),
    (field(kind=schema_pb2.BinaryVector, params={"dim": "8"}), 1100, "data type BinaryVector of field x is not supported by this version"),
    (field(kind=schema_pb2.VarChar, params={"max_length": "9", "enable_match": "true"}), 1100, "enable_match of field x is not supported"),
]


@pytest.mark.parametrize("rpc", ["AddCollectionField", "AlterCollectionSchema"])
def test_refused(server, client, name, rpc):
    rows.create(client, name)
    w = wire.Wire(server.port)
    before = client.describe_collection(name)
    for f, code, text in REFUSED:
        status = request(w, rpc, name, f)
        assert status.code == code and text in status.reason, (f, status)
    status = request(w, rpc, "nothing", field())
    assert status.code == 100
    after = client.describe_collection(name)
    assert (after["fields"], after["update_timestamp"]) == (before["fields"], before["update_timestamp"])
    assert request(w, rpc, name, field(is_clustering_key=True)).code == 0
    status = request(w, rpc, name, field("y", is_clustering_key=True))
    assert (status.code, status.reason) == (1100, "already has another clustering key field, field name: y: invalid parameter")
    w.close()


def test_limits(client, name):
    rows.create(client, name)
    for i in range(9):
        client.add_collection_field(name, f"v{i}", DataType.FLOAT_VECTOR, dim=4, nullable=True)
    with pytest.raises(MilvusException, match="maximum vector field's number should be limited to 10"):
        client.add_collection_field(name, "v9", DataType.FLOAT_VECTOR, dim=4, nullable=True)
    for i in range(13, 64):
        client.add_collection_field(name, f"x{i}", DataType.INT8, nullable=True)
    with pytest.raises(MilvusException, match="The number of fields has reached the maximum value 64: invalid parameter"):
        client.add_collection_field(name, "x64", DataType.INT8, nullable=True)
    assert len(client.describe_collection(name)["fields"]) == 64


def test_what_alter_schema_does_not_do(server, client, name):
    rows.create(client, name)
    w = wire.Wire(server.port)
    m = milvus_pb2.AlterCollectionSchemaRequest
    index = [{"key": "index_type", "value": "AUTOINDEX"}]
    for action, text in (
        (m.Action(drop_request=m.DropRequest(field_name="n")), "drop_request of AlterCollectionSchema is not supported"),
        (m.Action(add_request=m.AddRequest()), "fieldInfos and function schema are both empty"),
        (m.Action(add_request=m.AddRequest(func_schema=[schema_pb2.FunctionSchema(name="f")])), "func_schema of AlterCollectionSchema is not supported"),
        (m.Action(add_request=m.AddRequest(field_infos=[m.FieldInfo()] * 2)), "For now, only one field info is supported"),
        (m.Action(add_request=m.AddRequest(field_infos=[m.FieldInfo()])), "fieldSchema is nil in fieldInfos"),
        (m.Action(add_request=m.AddRequest(field_infos=[m.FieldInfo(field_schema=field(), extra_params=index)])), "an index of the added field x is not supported"),
        (m.Action(), "action is nil in alter schema task"),
    ):
        status = w.call("AlterCollectionSchema", m(collection_name=name, action=action))[0].alter_status
        assert status.code == 1100 and text in status.reason, status
    assert len(client.describe_collection(name)["fields"]) == 4
    w.close()
