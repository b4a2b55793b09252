"""Query, get and count: the rows that a filter names, exactly."""

import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows
from rows import count, create

N = 400


def item(k: int) -> dict:
    return {"id": k, "vec": rows.vector(k), "n": k % 50, "f": k / 8, "s": f"name_{k % 20:02d}", "flag": k % 3 == 0,
            "j": {"a": k % 10, "t": ["x", "y"][k % 2], "deep": {"list": [k, k + 1]}} if k % 4 else {"other": 1},
            "arr": [k % 5, k % 6, 100]}


@pytest.fixture(scope="module")
def filled(server):
    """Rows of which half are sealed; read by all tests of this file."""
    c, name = server.client(), "query_rows"
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    s.add_field("n", DataType.INT16)
    s.add_field("f", DataType.FLOAT)
    s.add_field("s", DataType.VARCHAR, max_length=32)
    s.add_field("flag", DataType.BOOL)
    s.add_field("j", DataType.JSON)
    s.add_field("arr", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
    c.create_collection(name, schema=s, index_params=rows.index())
    c.insert(name, [item(k) for k in range(N // 2)])
    c.flush(name)
    c.insert(name, [item(k) for k in range(N // 2, N)])
    yield name
    c.drop_collection(name)
    c.close()


def has(r, key, test):
    return key in r["j"] and test(r["j"][key])


FILTERS = [
    ("n == 7", lambda r: r["n"] == 7),
    ("n != 7", lambda r: r["n"] != 7),
    ("10 <= n < 20", lambda r: 10 <= r["n"] < 20),
    ("n > 48 or n < 1", lambda r: r["n"] > 48 or r["n"] < 1),
    ("not (n > 3)", lambda r: not r["n"] > 3),
    ("n % 7 == 3", lambda r: r["n"] % 7 == 3),
    ("n + 5 == 12", lambda r: r["n"] + 5 == 12),
    ("n * 2 >= 90 && flag == true", lambda r: r["n"] * 2 >= 90 and r["flag"]),
    ("f <= 1.5", lambda r: r["f"] <= 1.5),
    ("n in [1, 2, 3, 999]", lambda r: r["n"] in (1, 2, 3)),
    ("n not in [1, 2, 3]", lambda r: r["n"] not in (1, 2, 3)),
    ("n in []", lambda r: False),
    ('s == "name_03"', lambda r: r["s"] == "name_03"),
    ('s > "name_15"', lambda r: r["s"] > "name_15"),
    ('s like "name_1%"', lambda r: r["s"].startswith("name_1")),
    ('s like "%5"', lambda r: r["s"].endswith("5")),
    ('s like "name_0_"', lambda r: r["s"].startswith("name_0")),
    ('s like "%me%0%"', lambda r: "0" in r["s"]),
    ("flag == false", lambda r: not r["flag"]),
    ('j["a"] == 3', lambda r: has(r, "a", lambda v: v == 3)),
    ('j["a"] > 7.5', lambda r: has(r, "a", lambda v: v > 7.5)),
    ('j["t"] == "x"', lambda r: has(r, "t", lambda v: v == "x")),
    ('j["t"] != "x"', lambda r: has(r, "t", lambda v: v != "x")),
    ('not (j["t"] == "x")', lambda r: has(r, "t", lambda v: v != "x")),
    ('j["deep"]["list"][1] < 10', lambda r: "deep" in r["j"] and r["j"]["deep"]["list"][1] < 10),
    ('exists j["other"]', lambda r: "other" in r["j"]),
    ('json_contains(j["deep"]["list"], 17)', lambda r: "deep" in r["j"] and 17 in r["j"]["deep"]["list"]),
    ("arr[0] == 4", lambda r: r["arr"][0] == 4),
    ("array_contains(arr, 5)", lambda r: 5 in r["arr"]),
    ("array_contains_all(arr, [4, 5])", lambda r: {4, 5} <= set(r["arr"])),
    ("array_contains_any(arr, [4, 5])", lambda r: bool({4, 5} & set(r["arr"]))),
    ("array_length(arr) == 3", lambda r: True),
    ("id == 5 or (id == 6 and flag == true) or id == 9", lambda r: r["id"] in (5, 6, 9)),
]


@pytest.mark.parametrize("filter, keep", FILTERS, ids=[f for f, _ in FILTERS])
def test_filter(client, filled, filter, keep):
    want = [k for k in range(N) if keep(item(k))]
    got = client.query(filled, filter=filter, output_fields=["id"], consistency_level="Strong")
    assert sorted(r["id"] for r in got) == want
    assert count(client, filled, filter) == len(want)


def test_whole_rows(client, filled):
    for r in client.query(filled, filter="id in [3, 210, 399]", output_fields=["*"], consistency_level="Strong"):
        want = item(r["id"])
        assert {k: list(r[k]) if k == "arr" else r[k] for k in ("n", "f", "s", "flag", "j", "arr")} == {k: want[k] for k in ("n", "f", "s", "flag", "j", "arr")}


def test_templates(client, filled):
    assert count(client, filled, "n in {wanted}", filter_params={"wanted": [1, 2]}) == 16
    assert count(client, filled, "s == {name}", filter_params={"name": "name_03"}) == 20


def test_limit_and_offset(client, filled):
    got = [[r["id"] for r in client.query(filled, filter="id >= 0", limit=30, offset=o, output_fields=["id"], consistency_level="Strong")] for o in (0, 30, 390)]
    assert got == [list(range(30)), list(range(30, 60)), list(range(390, 400))]


def test_get(client, filled):
    assert [r["id"] for r in client.get(filled, ids=[399, 0, 12345])] in ([0, 399], [399, 0])
    assert client.get(filled, ids=[12345]) == []


def test_count_of_everything(client, filled):
    assert count(client, filled) == N
    with pytest.raises(MilvusException, match="count entities with pagination is not allowed"):
        client.query(filled, filter="", output_fields=["count(*)"], limit=3)


def test_long_or_chain(client, filled):
    assert count(client, filled, " or ".join(f"id == {k}" for k in range(1500))) == N


WRONG = [
    ("", "empty expression should be used with limit"),
    ("absent == 1", "field absent not exist"),
    ("n ==", "cannot parse expression"),
    ('n == "x"', "cannot parse expression"),
    ("n", "predicate is not a boolean expression"),
    ("s in 5", "the right-hand side of 'in' must be a list"),
    ("(n == 1", "cannot parse expression"),
    ('s == "unclosed', "cannot parse expression"),
    ("n like \"1%\"", "like operation on non-string or no-json field is unsupported"),
    ("n in {missing}", "missing"),
]


@pytest.mark.parametrize("filter, message", WRONG, ids=[f or "empty" for f, _ in WRONG])
def test_filters_that_do_not_parse(client, filled, filter, message):
    with pytest.raises(MilvusException) as e:
        client.query(filled, filter=filter)
    assert message in e.value.message and e.value.code == 1100


def test_window(client, filled):
    with pytest.raises(MilvusException, match=r"invalid max query result window, \(offset\+limit\) should be in range \[1, 16384\], but got 16385"):
        client.query(filled, filter="id >= 0", limit=16000, offset=385)
