"""Rows without a vector: kept, counted and returned, never a hit."""

import time

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException

import rows
from rows import count

SEALED = pytest.mark.parametrize("sealed", [False, True], ids=["growing", "sealed"])
EF = {"params": {"ef": 64}}


def make(client, name, kind="FLAT", **params):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=rows.DIM, nullable=True)
    s.add_field("other", DataType.FLOAT_VECTOR, dim=4, nullable=True)
    s.add_field("n", DataType.INT64)
    p = rows.index(kind, **params)
    p.add_index("other", index_type="HNSW", metric_type="COSINE", params={"M": 8, "efConstruction": 64})
    client.create_collection(name, schema=s, index_params=p)


def row(key: int, null: bool) -> dict:
    return {"id": key, "vec": None if null else rows.vector(key), "n": key % 100}


def settle(client, name, sealed):
    if sealed:
        client.flush(name)


def found(client, name, **kwargs) -> list[int]:
    """All keys that a search of the field can find."""
    hits = client.search(name, data=[rows.vector(1)], anns_field="vec", limit=1000, consistency_level="Strong", **kwargs)[0]
    return sorted(rows.ids(hits))


def check(client, name, want: dict[int, bool]):
    """What is stored is want: key to whether it has no vector."""
    assert count(client, name) == len(want)
    assert found(client, name) == sorted(k for k, null in want.items() if not null)
    got = client.query(name, filter="id >= 0", output_fields=["*"], consistency_level="Strong")
    assert sorted(r["id"] for r in got) == sorted(want)
    for r in got:
        assert r["other"] is None
        if want[r["id"]]:
            assert r["vec"] is None, r["id"]
        else:
            assert np.array_equal(np.array(r["vec"], np.float32), rows.vector(r["id"])), r["id"]


@SEALED
def test_null_is_kept_and_never_a_hit(client, name, sealed):
    make(client, name)
    want = {k: k % 3 == 0 for k in range(60)}
    client.insert(name, [row(k, null) for k, null in want.items()])
    client.insert(name, [{"id": k, "n": k} for k in range(60, 70)])  # the column is missing
    want |= {k: True for k in range(60, 70)}
    client.insert(name, [row(k, False) for k in range(70, 80)])  # no nulls in the request
    want |= {k: False for k in range(70, 80)}
    settle(client, name, sealed)
    check(client, name, want)
    assert found(client, name, filter="n < 10") == [k for k in range(10) if k % 3]
    assert found(client, name, filter="id in [0, 3, 60]") == []
    hits = client.search(name, data=[rows.vector(4), rows.vector(75)], anns_field="vec", limit=3, output_fields=["*"])
    for hit, key in zip((h[0] for h in hits), (4, 75)):
        assert hit["id"] == key and hit["entity"]["other"] is None
        assert np.array_equal(np.array(hit["entity"]["vec"], np.float32), rows.vector(key))


@SEALED
def test_all_null(client, name, sealed):
    make(client, name, "HNSW", M=8, efConstruction=64)
    client.insert(name, [row(k, True) for k in range(3000)])
    settle(client, name, sealed)
    assert found(client, name) == []
    hits = client.search(name, data=[[1.0, 0, 0, 0]] * 3, anns_field="other", limit=5, filter="n < 50")
    assert [len(h) for h in hits] == [0, 0, 0]
    assert count(client, name) == 3000
    assert count(client, name, "n < 50") == 1500
    assert client.get(name, ids=[7])[0]["vec"] is None
    assert client.describe_index(name, "vec")["state"] == "Finished"


def test_upsert_sets_and_unsets(client, name):
    make(client, name)
    want = {k: k % 2 == 0 for k in range(40)}
    client.insert(name, [row(k, null) for k, null in want.items()])
    client.flush(name)
    for k in range(0, 10):
        want[k] = not want[k]
    client.upsert(name, [row(k, want[k]) for k in range(10)])
    check(client, name, want)
    client.flush(name)
    check(client, name, want)
    client.upsert(name, [{"id": k, "n": k} for k in range(35, 45)])
    want |= {k: True for k in range(35, 45)}
    client.delete(name, filter="id < 5")
    want = {k: null for k, null in want.items() if k >= 5}
    check(client, name, want)


def test_compaction_and_restart(new_server, log_type):
    s = new_server(log_type).start()
    c = s.client()
    make(c, "c", "HNSW", M=8, efConstruction=64)
    want = {}
    for first in range(0, 300, 60):
        part = {k: k % 4 != 0 for k in range(first, first + 60)}
        c.insert("c", [row(k, null) for k, null in part.items()])
        c.flush("c")
        want |= part
    c.delete("c", filter="id >= 250 and id < 270")
    want = {k: null for k, null in want.items() if not 250 <= k < 270}
    c.flush("c")
    job = c.compact("c")
    deadline = time.monotonic() + 60
    while c.get_compaction_state(job) != "Completed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    check(c, "c", want)
    c.insert("c", [row(k, k % 2 == 0) for k in range(300, 340)])  # for the log to remember
    want |= {k: k % 2 == 0 for k in range(300, 340)}
    check(c, "c", want)
    c.close()
    s.kill()
    c = s.start().client()
    check(c, "c", want)
    c.close()


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_recall(client, name, share):
    """recall@10 of HNSW among the rows that have a vector, while they grow and after."""
    make(client, name, "HNSW", M=16, efConstruction=100)
    rng = np.random.default_rng(int(share * 100))
    n = 6000
    base, null = rng.random((n, rows.DIM), dtype=np.float32), rng.random(n) < share
    for at in range(0, n, 2000):
        client.insert(name, [{"id": k, "vec": None if null[k] else base[k], "n": k % 100} for k in range(at, at + 2000)])
    queries = rng.random((40, rows.DIM), dtype=np.float32)
    for sealed in (False, True):
        settle(client, name, sealed)
        for filter, match in (("", np.full(n, True)), ("n < 30", np.arange(n) % 100 < 30)):
            keys = np.flatnonzero(~null & match)
            hits = client.search(name, data=list(queries), anns_field="vec", limit=10, filter=filter, search_params=EF, consistency_level="Strong")
            right = 0
            for q, h in zip(queries, hits):
                assert len(h) == 10
                best = keys[np.argsort(((base[keys] - q) ** 2).sum(1))[:10]]
                right += len(set(rows.ids(h)) & set(best.tolist()))
            assert right / 400 >= 0.95, (sealed, filter)


def test_refusals(client, name):
    make(client, name)
    for filter in ("vec is null", "vec is not null"):
        with pytest.raises(MilvusException, match="IsNull/IsNotNull operations are not supported on vector fields"):
            client.query(name, filter=filter)
    fields = {f["name"]: f for f in client.describe_collection(name)["fields"]}
    assert fields["vec"]["nullable"] and not fields["n"].get("nullable")
