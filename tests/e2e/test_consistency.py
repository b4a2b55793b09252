"""The four consistency levels. Strong sees everything acknowledged anywhere."""

import time

import pytest

import rows
from rows import count, create


def test_strong_sees_every_client(server, client, name):
    create(client, name)
    other = server.client()
    for k in range(50):
        client.insert(name, rows.row(k))
        assert rows.ids(other.search(name, data=[rows.vector(k)], limit=1, consistency_level="Strong")[0]) == [k]
        assert count(other, name) == k + 1
    other.close()


@pytest.mark.parametrize("level", ["Strong", "Session"])
def test_own_writes_are_read(client, name, level):
    create(client, name, consistency_level=level)
    for k in range(50):
        client.insert(name, rows.row(k))
        assert len(client.query(name, filter=f"id == {k}")) == 1
        client.delete(name, ids=[k])
        assert client.query(name, filter=f"id == {k}") == []


@pytest.mark.parametrize("level", ["Bounded", "Eventually"])
def test_others_arrive_in_time(client, name, level):
    create(client, name, consistency_level=level)
    client.insert(name, rows.rows(range(10)))
    deadline = time.monotonic() + 10
    while len(client.query(name, filter="id >= 0")) != 10:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert count(client, name, consistency_level=level) == 10


def test_customized_waits_for_its_timestamp(client, name):
    create(client, name)
    client.insert(name, rows.row(1))
    now = int(time.time() * 1000) << 18
    assert count(client, name, consistency_level="Customized", guarantee_timestamp=now) == 1


def test_the_collection_level_is_the_default(client, name):
    create(client, name, consistency_level="Strong")
    for k in range(20):
        client.insert(name, rows.row(k))
        assert client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"] == k + 1
