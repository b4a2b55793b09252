"""Grouping search: one answer for each value of a field."""

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows

N = 1200
STRONG = {"consistency_level": "Strong"}


def row(k):
    rng = np.random.default_rng(k)
    g = int(rng.integers(30))
    return {"id": k, "vec": rows.vector(k), "i8": g, "i64": g * 10**12, "b": bool(g % 2), "s": f"g{g}", "n": None if g == 7 else g, "f": 0.5, "j": {"a": {"b": [0, g]}}, "d": f"d{g % 5}"}


def fill(client, name, kind, metric, shards=1):
    s = MilvusClient.create_schema(enable_dynamic_field=True)
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM)
    s.add_field("i8", DataType.INT8)
    s.add_field("i64", DataType.INT64)
    s.add_field("b", DataType.BOOL)
    s.add_field("s", DataType.VARCHAR, max_length=10)
    s.add_field("n", DataType.INT32, nullable=True)
    s.add_field("f", DataType.DOUBLE)
    s.add_field("j", DataType.JSON)
    client.create_collection(name, schema=s, index_params=rows.index(kind, metric), num_shards=shards)
    data = [row(k) for k in range(N)]
    client.insert(name, data[:500])
    client.flush(name)
    client.insert(name, data[500:])
    client.delete(name, filter="id < 100")
    return data[100:]


def groups(data, q, field, metric):
    """The rows of each value, best first, the best group first."""
    order = rows.nearest([r["id"] for r in data], q, len(data), metric)
    out = {}
    for k in order:
        out.setdefault(row(k)[field], []).append(k)
    return list(out.items())


@pytest.mark.parametrize("kind, metric, shards", [("FLAT", "L2", 1), ("HNSW", "COSINE", 1), ("IVF_FLAT", "IP", 1), ("FLAT", "IP", 3)])
def test_group_by(client, name, kind, metric, shards):
    data = fill(client, name, kind, metric, shards)
    q = rows.vector(123_456)
    for field in ("i8", "i64", "b", "s", "n"):
        want = groups(data, q, field, metric)
        hits = client.search(name, data=[q, q], limit=10, group_by_field=field, output_fields=[field], **STRONG)
        for h in hits:
            assert [(x["id"], x["entity"][field]) for x in h] == [(ids[0], v) for v, ids in want[:10]]
        second = client.search(name, data=[q], limit=10, offset=10, group_by_field=field, **STRONG)[0]
        assert [x["id"] for x in second] == [ids[0] for _, ids in want[10:20]]
    for field, like in (("j['a']['b'][1]", "i8"), ("d", "d"), ("$meta['d']", "d")):
        hits = client.search(name, data=[q], limit=10, group_by_field=field, **STRONG)[0]
        assert [x["id"] for x in hits] == [ids[0] for _, ids in groups(data, q, like, metric)[:10]]
    want = groups(data, q, "s", metric)
    hits = client.search(name, data=[q], limit=8, group_by_field="s", group_size=4, strict_group_size=True, output_fields=["s"], **STRONG)[0]
    if shards == 1:
        assert [x["id"] for x in hits] == [k for _, ids in want[:8] for k in ids[:4]]
    hits = client.search(name, data=[q], limit=8, group_by_field="s", group_size=4, output_fields=["s"], **STRONG)[0]
    assert [v for v in dict.fromkeys(x["entity"]["s"] for x in hits)] == [v for v, _ in want[:8]]
    hits = client.search(name, data=[q], limit=50, group_by_field="s", filter="i8 < 5", **STRONG)[0]
    assert {x["id"] for x in hits} == {ids[0] for v, ids in want if int(v[1:]) < 5}


def test_group_by_refuses(client, name):
    fill(client, name, "FLAT", "L2")
    q = rows.vector(1)

    def refused(text, params=None, **kv):
        with pytest.raises(MilvusException, match=text):
            client.search(name, data=[q], limit=5, search_params=params or {}, **kv, **STRONG)

    refused("unsupported data type DOUBLE for group by operator", group_by_field="f")
    refused("unsupported data type VECTOR_FLOAT for group by operator", group_by_field="vec")
    client.drop_collection(name)
    rows.create(client, name)
    refused("groupBy field not found in schema: field not found\\[field=zz\\]", group_by_field="zz")
    refused("input group size:11 exceeds configured max group size:10", group_by_field="s", group_size=11)
    refused("input group size:-3 is negative", group_by_field="s", group_size=-3)
    refused("Not allowed to do range-search when doing search-group-by", {"params": {"radius": 5}}, group_by_field="s")
    with pytest.raises(MilvusException, match="Not allowed to do groupBy when doing iteration"):
        client.search_iterator(name, data=[q], batch_size=5, group_by_field="s")
