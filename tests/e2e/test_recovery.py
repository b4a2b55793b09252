"""Stop, kill, start again: the same answers, without asking for anything."""

import os
import time

import pytest
from pymilvus import DataType

import rows
from rows import count, create


def build(c):
    """Collections in each state that a restart meets; returns what to ask."""
    create(c, "sealed", "HNSW")
    c.insert("sealed", rows.rows(range(1500)))
    c.flush("sealed")
    c.delete("sealed", filter="n < 10")  # deletes that only the log has
    create(c, "growing")
    c.insert("growing", rows.rows(range(700)))
    c.upsert("growing", [{**rows.row(k), "n": 5000} for k in range(0, 100)])
    create(c, "mixed", "HNSW", "COSINE")
    c.create_partition("mixed", "p1")
    c.insert("mixed", rows.rows(range(400)))
    c.flush("mixed")
    c.insert("mixed", rows.rows(range(400, 800)), partition_name="p1")
    c.upsert("mixed", [{**rows.row(k), "n": 6000} for k in range(50)])
    create(c, "released", load=False)
    c.insert("released", rows.rows(range(30)))
    c.create_collection("dynamic", schema=rows.schema(dynamic=True), index_params=rows.index())
    c.insert("dynamic", [{**rows.row(k), "color": f"c{k}"} for k in range(30)])
    c.create_alias("growing", "nick")
    c.create_database("second")
    create(c, "gone")
    c.drop_collection("gone")


def answers(c) -> dict:
    a = {"collections": sorted(c.list_collections()), "databases": sorted(c.list_databases()),
         "partitions": sorted(c.list_partitions("mixed")), "alias": c.describe_alias("nick")["collection_name"],
         "released": c.get_load_state("released")["state"].name}
    for n in ("sealed", "growing", "mixed", "nick"):
        got = c.query(n, filter="id >= 0", output_fields=["n", "s"], consistency_level="Strong")
        a[n] = sorted((r["id"], r["n"], r["s"]) for r in got)
        a[n + " count"] = count(c, n)
        hits = c.search(n, data=[rows.vector(60), rows.vector(9999)], limit=10, search_params={"params": {"ef": 64}}, consistency_level="Strong")
        a[n + " search"] = [rows.ids(h) for h in hits]
    a["color"] = c.query("dynamic", filter='color == "c7"', output_fields=["color"])[0]["color"]
    a["p1"] = count(c, "mixed", partition_names=["p1"])
    return a


def expected() -> dict:
    s = [(k, k % 100, f"s{k % 7}") for k in range(1500)]
    grown = [(k, 5000 if k < 100 else k % 100, f"s{k % 7}") for k in range(700)]
    mixed = [(k, 6000 if k < 50 else k % 100, f"s{k % 7}") for k in range(800)]
    return {"sealed": [r for r in s if r[1] >= 10], "growing": grown, "nick": grown, "mixed": mixed, "p1": 400,
            "collections": ["dynamic", "growing", "mixed", "released", "sealed"], "databases": ["default", "second"],
            "released": "NotLoad", "alias": "growing", "color": "c7"}


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_same_answers(new_server, log_type, end):
    s = new_server(log_type).start()
    build(s.client())
    before = answers(s.client())
    assert {k: before[k] for k in expected()} == expected()
    for _ in range(2):  # the second start recovers what the first one recovered
        getattr(s, end)()
        s.start()
        assert answers(s.client()) == before


def test_writes_go_on_after_a_kill(new_server, log_type):
    s = new_server(log_type).start()
    create(s.client(), "c")
    for cycle in range(5):
        c = s.client()
        c.insert("c", rows.rows(range(cycle * 100, cycle * 100 + 100)))
        if cycle % 2:
            c.flush("c")
        s.kill()
        s.start()
        assert count(s.client(), "c") == (cycle + 1) * 100


def test_auto_ids_do_not_repeat(new_server):
    s = new_server().start()
    s.client().create_collection("c", schema=rows.schema(auto_id=True), index_params=rows.index())
    data = [{k: v for k, v in rows.row(i).items() if k != "id"} for i in range(50)]
    seen = []
    for _ in range(3):
        seen += s.client().insert("c", data)["ids"]
        s.kill()
        s.start()
    assert len(set(seen)) == 150 and count(s.client(), "c") == 150


def test_every_type_survives(new_server, log_type):
    from test_types import SCALARS, full, make

    s = new_server(log_type).start()
    c = s.client()
    make(c, "c", nullable=True)
    c.insert("c", [full(0), {"id": 1, "vec": rows.vector(1)}])
    s.kill()
    s.start()
    c = s.client()
    got = {r["id"]: r for r in c.query("c", filter="id >= 0", output_fields=["*"], consistency_level="Strong")}
    for f, (t, _, want) in SCALARS.items():
        have = got[0][f]
        assert (list(have) if t == DataType.ARRAY else have) == want, f
        assert got[1][f] is None, f


def index_files(s) -> list[str]:
    folder = s.data / "objects" / "index_files"
    return sorted(os.path.join(d, name) for d, _, names in os.walk(folder) for name in names)


def test_damaged_indexes_are_built_again(new_server):
    s = new_server().start()
    c = s.client()
    create(c, "c", "HNSW")
    c.insert("c", rows.rows(range(3000)))
    c.flush("c")
    ip = c.prepare_index_params()
    ip.add_index("n", index_type="INVERTED", index_name="n")
    c.create_index("c", ip)
    deadline = time.monotonic() + 30
    while len(index_files(s)) < 2:
        assert time.monotonic() < deadline, index_files(s)
        time.sleep(0.05)

    def ask(c):
        hits = c.search("c", data=[rows.vector(7)], limit=10, search_params={"params": {"ef": 64}}, consistency_level="Strong")
        return rows.ids(hits[0]), sorted(r["id"] for r in c.query("c", filter="n == 7", output_fields=["id"]))

    before = ask(c)
    assert s.terminate() == 0
    damaged = index_files(s)
    for path in damaged:
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte ^ 4]))
    s.start()
    c = s.client()
    assert ask(c) == before  # whatever is there to answer with
    deadline = time.monotonic() + 30
    while set(index_files(s)) & set(damaged) or len(index_files(s)) < 2:
        assert time.monotonic() < deadline, index_files(s)
        time.sleep(0.05)
    assert ask(c) == before
    log = "".join(p.read_text() for p in (s.data / "logs").iterdir())
    assert all(os.path.basename(os.path.dirname(p)) in log or os.path.basename(p) in log for p in damaged)
