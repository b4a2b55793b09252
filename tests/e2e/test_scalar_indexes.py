"""Indexes on scalar fields: whatever the type, filters give the rows that they give without."""

import time

import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows

ROWS = 3000
TEXTS = ["", "red kite", "red", "kite", "milan royal", "königsmilan", "赤とんび", "100% red", "a_b"]


def schema():
    s = MilvusClient.create_schema(enable_dynamic_field=True)
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    s.add_field("b", DataType.BOOL, nullable=True)
    s.add_field("i8", DataType.INT8)
    s.add_field("i32", DataType.INT32, nullable=True)
    s.add_field("i64", DataType.INT64)
    s.add_field("f", DataType.FLOAT)
    s.add_field("d", DataType.DOUBLE, nullable=True)
    s.add_field("s", DataType.VARCHAR, max_length=64, nullable=True)
    s.add_field("t", DataType.VARCHAR, max_length=64)
    s.add_field("j", DataType.JSON, nullable=True)
    s.add_field("ints", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
    s.add_field("strs", DataType.ARRAY, element_type=DataType.VARCHAR, max_length=16, max_capacity=8)
    s.add_field("doubles", DataType.ARRAY, element_type=DataType.DOUBLE, max_capacity=8)
    return s


def document(k: int):
    """Of every fifth row another shape, so that paths meet every type."""
    shapes = [
        {"a": k % 50, "b": {"c": TEXTS[k % 9]}, "l": [k % 9, "x"]},
        {"a": k % 50 + 0.5, "b": {"c": k % 2 == 0}, "l": [1.5, k % 30]},
        {"a": str(k % 50), "b": [1, 2], "l": "none"},
        {"a": None},
        {"a": 2**53 + k % 3, "l": ["red", TEXTS[k % 9]]},
    ]
    return shapes[k % 5]


def row(k: int) -> dict:
    null = k % 11 == 0
    return {
        "id": k, "vec": rows.vector(k % 16), "b": None if null else k % 3 == 0, "i8": k % 120 - 60,
        "i32": None if null else k % 1000, "i64": k * 1_000_003, "f": k % 77 / 8, "d": None if null else k % 200 / 7,
        "s": None if null else f"{TEXTS[k % 9]}{k % 40}", "t": f"{k % 500} {TEXTS[k % 9]}",
        "j": None if null else document(k), "ints": [k % 60, k % 7], "strs": [TEXTS[k % 9][:3], "x"][: k % 3],
        "doubles": [k % 50 / 4] * (k % 3), "my_json": document(k + 1), "num": k % 90, "deep/key": {"~": k % 70},
    }


# What is indexed, with the types of index that take it.
ALL = ["AUTOINDEX", "INVERTED", "STL_SORT", "BITMAP"]
TYPES = {
    "b": ["AUTOINDEX", "INVERTED", "BITMAP"],
    "i8": ALL, "i32": ALL, "i64": ALL,
    "f": ["AUTOINDEX", "INVERTED", "STL_SORT"], "d": ["AUTOINDEX", "INVERTED", "STL_SORT"],
    "s": ["INVERTED", "STL_SORT", "BITMAP", "Trie"],
    "t": ["NGRAM", "INVERTED", "Trie", "BITMAP"],
    "ints": ["AUTOINDEX", "INVERTED", "BITMAP"], "strs": ["AUTOINDEX", "INVERTED", "BITMAP"], "doubles": ["AUTOINDEX", "INVERTED"],
}
# Paths in JSON: name of the field in the request, path, cast types.
PATHS = [
    ("j", "j['a']", "DOUBLE"), ("j", "j['b']['c']", "varchar"), ("j", "j['l']", "ARRAY_DOUBLE"), ("j", 'j["l"][0]', "VARCHAR"), ("j", "j", "JSON"),
    ("my_json", "my_json['a']", "double"), ("my_json", "my_json['b']['c']", "BOOL"), ("my_json", "my_json['l']", "ARRAY_VARCHAR"),
    ("num", "num", "DOUBLE"), ("deep/key", "$meta['deep/key']['~']", "DOUBLE"),
]

FILTERS = [
    "b == true", "not (b == true)", "i8 == 7", "i8 in [1, 2, 99]", "i8 < -50", "i32 in [5, 6, 7, 8, 9]", "10 <= i32 < 20", "not (10 <= i32 < 990)",
    "i64 == 3000009", "i64 > 2900000000", "f == 1.5", "f in [0.125, 0.1]", "f >= 9.5", "d < 0.3", "d != 1.0",
    's == "red3"', 's in ["red3", "kite12", "none"]', 's like "red%"', 's like "%k%"', 's >= "赤"', 'not (s like "r%")', 's != "red3"',
    't like "%kite%"', 't like "%赤と%"', 't like "1% re_"', 't like "%i%n%"', 't == "1 red kite"', 't like "%0\\\\%%"',
    "array_contains(ints, 5)", "array_contains_all(ints, [6, 20])", "array_contains_any(ints, [59, 58])", "ints == [8, 1]",
    'array_contains(strs, "red")', 'array_contains_any(doubles, [0.25, 12.25])', "not array_contains(ints, 5)",
    "j['a'] == 7", "j['a'] < 1", "j['a'] == 9007199254740993", "j['a'] > 9007199254740992", "j['a'] in [1, 2, 7.5]", 'j["a"] == "7"', "not (j['a'] == 7)",
    "j['b']['c'] == \"red\"", "j['b']['c'] like \"%mil%\"", "json_contains(j['l'], 3)", "json_contains_all(j['l'], [1.5, 7])", "j['l'][0] == \"red\"",
    "my_json['a'] == 7", "my_json['b']['c'] == true", "json_contains(my_json['l'], \"red\")", "num in [5, 6]", "$meta['deep/key']['~'] == 3",
    "num == 5 and i32 > 500 and s like \"red%\"", "num == 5 or i8 == 7", "not (num == 5 or i8 == 7)", "i64 > 1000000000 and j['a'] == 7 and b == false",
]


def answers(client, name) -> dict:
    return {f: [r["id"] for r in client.query(name, filter=f, output_fields=["id"], consistency_level="Strong")] for f in FILTERS}


def add(client, name, field, kind, index_name="", **params):
    p = MilvusClient.prepare_index_params()
    if kind == "NGRAM":
        params |= {"min_gram": 2, "max_gram": 3}
    p.add_index(field, index_type=kind, index_name=index_name, params=params)
    client.create_index(name, p, sync=False)


def drop_all(client, name):
    for x in client.list_indexes(name):
        if x != "vec":
            client.drop_index(name, x)


def finished(client, name, index):
    """The description of an index once it is built."""
    deadline = time.monotonic() + 30
    while (d := client.describe_index(name, index))["state"] != "Finished":
        assert d["state"] == "InProgress" and time.monotonic() < deadline, d
        time.sleep(0.02)
    assert d["indexed_rows"] == d["total_rows"] > 0, d
    return d


def test_same_rows(new_server):
    """Every type of index on what it can be on, before and after deletes and a kill."""
    server = new_server().start()
    client, name = server.client(), "c"
    client.create_collection(name, schema=schema(), index_params=rows.index())
    for lo in range(0, ROWS, 1000):
        client.insert(name, [row(k) for k in range(lo, lo + 1000)])
    client.flush(name)
    want = answers(client, name)
    assert sum(len(v) > 0 for v in want.values()) > len(want) * 3 // 4, [f for f, v in want.items() if not v]
    turns = max(len(kinds) for kinds in TYPES.values())
    for turn in range(turns):
        for field, kinds in TYPES.items():
            kind = kinds[turn % len(kinds)]
            add(client, name, field, kind)
            d = finished(client, name, field)
            assert d["field_name"] == field and d["index_type"] == kind
        for i, (field, path, cast) in enumerate(PATHS):
            add(client, name, field, "AUTOINDEX" if turn == 1 else "INVERTED", f"path{i}", json_path=path, json_cast_type=cast)
            d = finished(client, name, f"path{i}")
            assert d["field_name"] == field and d["json_path"] == path and d["json_cast_type"] == cast
        assert answers(client, name) == want
        if turn < turns - 1:
            drop_all(client, name)
            assert client.list_indexes(name) == ["vec"]
            assert answers(client, name) == want
    # Rows that are growing, and deletes, of which the indexes know nothing.
    client.insert(name, [row(k) for k in range(ROWS, ROWS + 500)])
    client.delete(name, filter="i8 == 7 or j['a'] == 7")
    want = {f: [k for k in ids] for f, ids in answers(client, name).items()}
    assert want["i8 == 7"] == [] and max(want["num in [5, 6]"]) >= ROWS
    client.close()
    server.kill()
    server.start()
    client = server.client()
    assert answers(client, name) == want
    for i, (field, path, _) in enumerate(PATHS):
        d = client.describe_index(name, f"path{i}")
        assert d["field_name"] == field and d["json_path"] == path
    client.flush(name)
    assert answers(client, name) == want
    drop_all(client, name)
    assert answers(client, name) == want
    client.close()
    assert "index cannot be used" not in (server.data / "logs" / "redkite.log").read_text()


def test_damaged_file(new_server):
    """The file is named in the log, and the segment is scanned."""
    server = new_server().start()
    client, name = server.client(), "c"
    client.create_collection(name, schema=schema(), index_params=rows.index())
    client.insert(name, [row(k) for k in range(1500)])
    client.flush(name)
    add(client, name, "i8", "INVERTED")
    finished(client, name, "i8")
    want = [k for k in range(1500) if k % 120 - 60 == 7]

    def got():
        return [r["id"] for r in client.query(name, filter="i8 == 7", output_fields=["id"])]

    assert got() == want
    client.close()
    server.kill()
    files = [f for f in server.data.rglob("index_files/**/*") if f.is_file()]
    assert files
    for f in files:
        data = bytearray(f.read_bytes())
        data[-70] ^= 1
        f.chmod(0o644)
        f.write_bytes(data)
    server.start()
    client = server.client()
    assert got() == want
    client.close()
    server.terminate()
    log = (server.data / "logs" / "redkite.log").read_text()
    logged = [line for line in log.splitlines() if "index cannot be used, the segment is scanned" in line]
    assert logged and all("index_files/" in line and "checksum" in line for line in logged), log


def test_aliases(client, name):
    """Names that mean the same type are told as they were given."""
    client.create_collection(name, schema=schema())
    for field, kind in [("s", "TRIE"), ("t", "marisa-trie"), ("i8", "Asceneding")]:
        add(client, name, field, kind)
        assert client.describe_index(name, field)["index_type"] == kind


def test_names(client, name):
    client.create_collection(name, schema=schema(), index_params=rows.index())
    add(client, name, "j", "INVERTED", json_path="j['a']['b']", json_cast_type="double")
    add(client, name, "j", "STL_SORT", json_path="j['a'][0]", json_cast_type="varchar")
    add(client, name, "my_json", "BITMAP", json_path="my_json['a/b']", json_cast_type=" bool ")
    add(client, name, "key", "INVERTED", json_cast_type="JSON")
    assert sorted(client.list_indexes(name)) == ["$meta/key", "$meta/my_json/a~1b", "j/a/0", "j/a/b", "vec"]
    assert client.describe_index(name, "$meta/my_json/a~1b")["field_name"] == "my_json"
    add(client, name, "j", "INVERTED", json_path="j['a']['b']", json_cast_type="double")  # again: a success
    with pytest.raises(MilvusException, match="at most one distinct index is allowed per field"):
        add(client, name, "j", "INVERTED", json_path="j['a']['b']", json_cast_type="varchar")
    with pytest.raises(MilvusException, match="creating multiple indexes on same field is not supported"):
        add(client, name, "j", "INVERTED", "other", json_path="j['a']['b']", json_cast_type="varchar")
    client.drop_index(name, "j/a/0")
    assert "j/a/0" not in client.list_indexes(name)


REFUSED = [
    ("j", "INVERTED", {}, "json index must specify cast type"),
    ("j", "INVERTED", {"json_path": "/", "json_cast_type": "double"}, "cannot parse identifier: /"),
    ("j", "INVERTED", {"json_path": "1", "json_cast_type": "double"}, "cannot parse identifier: 1"),
    ("j", "INVERTED", {"json_path": "i8", "json_cast_type": "double"}, "fieldID not match with field name"),
    ("j", "BITMAP", {"json_path": "j", "json_cast_type": "double"}, "json_cast_type DOUBLE is not supported for BITMAP index"),
    ("b", "STL_SORT", {}, "STL_SORT are only supported on numeric, varchar or timestamptz field, got Bool"),
    ("f", "BITMAP", {}, "bitmap index are only supported on bool, int, string and array field"),
    ("i8", "TRIE", {}, "TRIE are only supported on varchar field"),
    ("id", "BITMAP", {}, "create bitmap index on primary key not supported"),
]


@pytest.mark.parametrize("field, kind, params, message", REFUSED, ids=[m for *_, m in REFUSED])
def test_refused(client, name, field, kind, params, message):
    client.create_collection(name, schema=schema())
    with pytest.raises(MilvusException) as e:
        add(client, name, field, kind, **params)
    assert message in e.value.message
    assert client.list_indexes(name) == []
