"""Insert, upsert, delete, flush, compact: what is acknowledged is there at once."""

import threading
import time

import pytest
from pymilvus import MilvusException

import rows
from rows import count, create


def test_insert_returns_keys_in_order(client, name):
    create(client, name)
    r = client.insert(name, rows.rows([5, 3, 9]))
    assert r["insert_count"] == 3 and list(r["ids"]) == [5, 3, 9]
    assert client.insert(name, []) == {"insert_count": 0, "ids": []}
    assert client.insert(name, rows.row(1))["insert_count"] == 1


def test_a_second_insert_of_a_key_wins(client, name):
    create(client, name)
    client.insert(name, rows.row(1))
    client.insert(name, {**rows.row(1), "n": 77})
    assert client.get(name, ids=[1])[0]["n"] == 77


@pytest.mark.parametrize("flush", [False, True], ids=["growing", "sealed"])
def test_upsert(client, name, flush):
    create(client, name)
    client.insert(name, rows.rows(range(100)))
    if flush:
        client.flush(name)
    r = client.upsert(name, [{**rows.row(k), "n": 1000 + k} for k in range(90, 110)])
    assert r["upsert_count"] == 20
    assert count(client, name) == 110
    assert count(client, name, "n >= 1000") == 20
    assert client.get(name, ids=[95])[0]["n"] == 1095
    client.flush(name)
    assert count(client, name) == 110 and count(client, name, "n >= 1000") == 20


def test_upsert_with_auto_id_gives_new_keys(client, name):
    client.create_collection(name, schema=rows.schema(auto_id=True), index_params=rows.index())
    old = client.insert(name, [{k: v for k, v in rows.row(i).items() if k != "id"} for i in range(3)])["ids"]
    new = client.upsert(name, [{**rows.row(0), "id": old[0], "n": 55}])["ids"]
    assert len(new) == 1 and new[0] != old[0]
    assert count(client, name) == 3
    assert client.get(name, ids=[old[0]]) == [] and client.get(name, ids=[new[0]])[0]["n"] == 55


@pytest.mark.parametrize("flush", [False, True], ids=["growing", "sealed"])
def test_delete_by_key_and_filter(client, name, flush):
    create(client, name, kind="HNSW")
    client.insert(name, rows.rows(range(200)))
    if flush:
        client.flush(name)
    client.delete(name, ids=[0, 1, 2])
    assert count(client, name) == 197
    assert client.delete(name, filter="n >= 50")["delete_count"] == 100
    assert count(client, name) == 97
    assert client.get(name, ids=[1, 51]) == []
    hits = client.search(name, data=[rows.vector(51)], limit=97, search_params={"params": {"ef": 200}}, consistency_level="Strong")[0]
    assert sorted(rows.ids(hits)) == sorted(k for k in range(200) if k > 2 and k % 100 < 50)


def test_insert_after_delete_stays(client, name):
    create(client, name)
    client.insert(name, rows.row(1))
    client.delete(name, ids=[1])
    client.insert(name, {**rows.row(1), "n": 2})
    client.flush(name)
    assert client.get(name, ids=[1])[0]["n"] == 2


def test_delete_of_absent_rows(client, name):
    create(client, name)
    client.delete(name, ids=[404])
    assert client.delete(name, filter="n == 12345").get("delete_count", 0) == 0
    client.insert(name, rows.rows([404]))
    assert count(client, name) == 1


def test_delete_then_compact(client, name):
    create(client, name)
    for start in range(0, 1000, 100):
        client.insert(name, rows.rows(range(start, start + 100)))
        client.flush(name)
    client.delete(name, filter="n < 30")
    client.flush(name)
    job = client.compact(name)
    deadline = time.monotonic() + 60
    while client.get_compaction_state(job) != "Completed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert count(client, name) == 700
    got = client.query(name, filter="id >= 0", output_fields=["n", "s"], consistency_level="Strong")
    assert {r["id"]: (r["n"], r["s"]) for r in got} == {k: (k % 100, f"s{k % 7}") for k in range(1000) if k % 100 >= 30}


def test_flush_writes_segments(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(321)))
    client.flush(name)
    segments = client.list_persistent_segments(name)
    assert sum(s.num_rows for s in segments) == 321
    client.flush(name)  # nothing left to flush


def test_large_request(client, name):
    create(client, name)
    n = 60000  # about 6 MB on the wire
    client.insert(name, rows.rows(range(200)) + [{**rows.row(0), "id": k} for k in range(200, n)])
    assert count(client, name) == n


def test_concurrent_writers(server, client, name):
    create(client, name)
    errors = []

    def write(w):
        try:
            c = server.client()
            for b in range(10):
                c.insert(name, rows.rows(range(w * 1000 + b * 50, w * 1000 + b * 50 + 50)))
                assert count(c, name, f"id >= {w * 1000} and id < {w * 1000 + 1000}") == (b + 1) * 50
            c.close()
        except BaseException as e:  # noqa: BLE001 - reported below, by the thread that can fail the test
            errors.append(e)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert errors == []
    assert count(client, name) == 3000


def test_upsert_rejects_duplicate_keys(client, name):
    create(client, name)
    with pytest.raises(MilvusException, match="duplicate primary keys are not allowed in the same batch"):
        client.upsert(name, rows.rows([1, 2, 1]))
    assert count(client, name) == 0
