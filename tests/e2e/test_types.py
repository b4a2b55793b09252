"""Every type that a field may have, on its way in and out again."""

import math

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

import rows
from rows import count

SCALARS = {
    "b": (DataType.BOOL, {}, True),
    "i8": (DataType.INT8, {}, -128),
    "i16": (DataType.INT16, {}, 32767),
    "i32": (DataType.INT32, {}, -(2**31)),
    "i64": (DataType.INT64, {}, 2**63 - 1),
    "f": (DataType.FLOAT, {}, 0.5),
    "d": (DataType.DOUBLE, {}, 1e300),
    "s": (DataType.VARCHAR, {"max_length": 100}, "Zürich 東京 'quoted' \"twice\""),
    "j": (DataType.JSON, {}, {"a": [1, 2.5, None, "x"], "b": {"c": True}, "big": 2**60}),
    "ab": (DataType.ARRAY, {"element_type": DataType.BOOL, "max_capacity": 4}, [True, False]),
    "ai": (DataType.ARRAY, {"element_type": DataType.INT64, "max_capacity": 4}, [1, -(2**62)]),
    "a8": (DataType.ARRAY, {"element_type": DataType.INT8, "max_capacity": 4}, [1, -128]),
    "af": (DataType.ARRAY, {"element_type": DataType.FLOAT, "max_capacity": 4}, [0.25, -8.0]),
    "ad": (DataType.ARRAY, {"element_type": DataType.DOUBLE, "max_capacity": 4}, [1e200]),
    "as": (DataType.ARRAY, {"element_type": DataType.VARCHAR, "max_capacity": 4, "max_length": 20}, ["a", "", "ü"]),
    "empty": (DataType.ARRAY, {"element_type": DataType.INT32, "max_capacity": 4}, []),
}
SEALED = pytest.mark.parametrize("sealed", [False, True], ids=["growing", "sealed"])


def make(client, name, nullable=False, extra=()):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    for f, (t, params, _) in SCALARS.items():
        s.add_field(f, t, nullable=nullable, **params)
    for args, kwargs in extra:
        s.add_field(*args, **kwargs)
    client.create_collection(name, schema=s, index_params=rows.index())


def full(key: int) -> dict:
    return {"id": key, "vec": rows.vector(key), **{f: v for f, (_, _, v) in SCALARS.items()}}


def settle(client, name, sealed):
    if sealed:
        client.flush(name)


@SEALED
def test_each_type_comes_back(client, name, sealed):
    make(client, name)
    client.insert(name, [full(k) for k in range(5)])
    settle(client, name, sealed)
    got = client.get(name, ids=[3], output_fields=["*"])[0]
    for f, (_, _, want) in SCALARS.items():
        have = got[f]
        assert (list(have) if isinstance(want, list) else have) == want, f
    assert np.array_equal(np.array(got["vec"], np.float32), rows.vector(3))
    hit = client.search(name, data=[rows.vector(3)], limit=1, output_fields=["s", "j", "ai"])[0][0]
    assert hit["id"] == 3 and hit["entity"]["s"] == SCALARS["s"][2] and hit["entity"]["j"] == SCALARS["j"][2]


@SEALED
def test_null_is_not_zero(client, name, sealed):
    make(client, name, nullable=True)
    client.insert(name, [full(0), {"id": 1, "vec": rows.vector(1), **{f: None for f in SCALARS}}, {"id": 2, "vec": rows.vector(2)}])
    settle(client, name, sealed)
    for key in (1, 2):
        got = client.get(name, ids=[key], output_fields=["*"])[0]
        assert [f for f in SCALARS if got[f] is not None] == []
    for f in ("b", "i8", "i64", "f", "d", "s", "ai", "j"):
        assert count(client, name, f"{f} is null") == 2, f
        assert count(client, name, f"{f} is not null") == 1, f
    # a comparison with null is neither true nor false
    assert count(client, name, "i64 >= 0") == 1
    assert count(client, name, "not (i64 >= 0)") == 0


@SEALED
def test_defaults_fill_what_is_missing(client, name, sealed):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    defaults = {"b": (DataType.BOOL, True), "i8": (DataType.INT8, np.int8(7)), "i64": (DataType.INT64, -5),
                "f": (DataType.FLOAT, np.float32(1.5)), "d": (DataType.DOUBLE, 2.25), "s": (DataType.VARCHAR, "none")}
    for f, (t, v) in defaults.items():
        s.add_field(f, t, default_value=v, **({"max_length": 10} if t == DataType.VARCHAR else {}))
    client.create_collection(name, schema=s, index_params=rows.index())
    client.insert(name, [{"id": 1, "vec": rows.vector(1)}, {"id": 2, "vec": rows.vector(2), **{f: None for f in defaults}}])
    client.insert(name, [{"id": 3, "vec": rows.vector(3), "b": False, "i8": 0, "i64": 0, "f": 0.0, "d": 0.0, "s": ""}])
    settle(client, name, sealed)
    for key in (1, 2):
        got = client.get(name, ids=[key])[0]
        assert {f: got[f] for f in defaults} == {f: v for f, (_, v) in defaults.items()}
    assert client.get(name, ids=[3])[0]["s"] == ""
    assert count(client, name, 's == "none"') == 2


@SEALED
def test_dynamic_field(client, name, sealed):
    client.create_collection(name, schema=rows.schema(dynamic=True), index_params=rows.index())
    client.insert(name, [rows.row(0), {**rows.row(1), "color": "red", "size": 3}, {**rows.row(2), "nested": {"k": [1, 2]}}])
    settle(client, name, sealed)
    assert client.get(name, ids=[1])[0]["color"] == "red"
    assert client.get(name, ids=[1], output_fields=["size"])[0] == {"id": 1, "size": 3}
    assert client.get(name, ids=[2])[0]["nested"] == {"k": [1, 2]}
    assert "color" not in client.get(name, ids=[0])[0]
    assert count(client, name, 'color == "red"') == 1
    assert count(client, name, "size > 2") == 1
    assert count(client, name, '$meta["nested"]["k"][1] == 2') == 1
    assert count(client, name, "exists color") == 1


def test_auto_ids_are_unique_and_returned(client, name):
    client.create_collection(name, schema=rows.schema(auto_id=True), index_params=rows.index())
    data = [{k: v for k, v in rows.row(i).items() if k != "id"} for i in range(500)]
    got = [i for _ in range(3) for i in client.insert(name, data)["ids"]]
    assert len(set(got)) == 1500 and min(got) > 0
    assert client.get(name, ids=[got[3]])[0]["n"] == 3
    assert count(client, name) == 1500


def test_string_keys(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    client.create_collection(name, schema=s, index_params=rows.index())
    keys = [f"ключ-{i}" for i in range(50)] + ["", "a'b\"c\\d"]
    client.insert(name, [{"id": k, "vec": rows.vector(i)} for i, k in enumerate(keys)])
    client.flush(name)
    assert client.search(name, data=[rows.vector(7)], limit=1)[0][0]["id"] == keys[7]
    assert [r["id"] for r in client.get(name, ids=["ключ-3", "absent"])] == ["ключ-3"]
    client.delete(name, ids=["ключ-3", ""])
    assert count(client, name) == len(keys) - 2


def test_several_vector_fields(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("one", DataType.FLOAT_VECTOR, dim=4)
    s.add_field("two", DataType.FLOAT_VECTOR, dim=8)
    p = rows.index(field="one")
    p.add_index("two", index_type="HNSW", metric_type="COSINE", params={"M": 8, "efConstruction": 64})
    client.create_collection(name, schema=s, index_params=p)
    client.insert(name, [{"id": k, "one": rows.vector(k, 4), "two": rows.vector(-k % 1000, 8)} for k in range(100)])
    assert client.search(name, data=[rows.vector(9, 4)], anns_field="one", limit=1)[0][0]["id"] == 9
    assert client.search(name, data=[rows.vector(991, 8)], anns_field="two", limit=1)[0][0]["id"] == 9
    with pytest.raises(Exception, match="multiple anns_fields exist"):
        client.search(name, data=[rows.vector(9, 4)], limit=1)


def test_floats_survive_exactly(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=4)
    s.add_field("d", DataType.DOUBLE)
    client.create_collection(name, schema=s, index_params=rows.index())
    values = [5e-324, -1.7976931348623157e308, 0.1 + 0.2, -0.0]
    vec = np.array([1e-45, 3.4e38, -0.0, 1 / 3], np.float32)
    client.insert(name, [{"id": i, "vec": vec, "d": v} for i, v in enumerate(values)])
    client.flush(name)
    got = client.query(name, filter="id >= 0", output_fields=["d", "vec"], consistency_level="Strong")
    assert [r["d"] for r in sorted(got, key=lambda r: r["id"])] == values
    assert math.copysign(1, got[-1]["d"]) == -1
    assert np.array_equal(np.array(got[0]["vec"], np.float32).view(np.uint32), vec.view(np.uint32))
