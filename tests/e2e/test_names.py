"""Partitions, aliases and databases."""

import pytest
from pymilvus import MilvusException

import rows
from rows import count, create


def test_partitions(client, name):
    create(client, name)
    assert client.list_partitions(name) == ["_default"]
    client.create_partition(name, "p1")
    client.create_partition(name, "p1")
    assert client.has_partition(name, "p1") and not client.has_partition(name, "p2")
    assert set(client.list_partitions(name)) == {"_default", "p1"}

    client.insert(name, rows.rows(range(10)))
    client.insert(name, rows.rows(range(10, 40)), partition_name="p1")
    assert count(client, name) == 40
    assert count(client, name, partition_names=["p1"]) == 30
    hits = client.search(name, data=[rows.vector(3)], limit=40, partition_names=["p1"], consistency_level="Strong")[0]
    assert sorted(rows.ids(hits)) == list(range(10, 40))
    client.flush(name)
    assert client.get_partition_stats(name, "p1")["row_count"] == 30

    client.delete(name, filter="id >= 0", partition_name="_default")
    assert count(client, name) == 30
    client.upsert(name, rows.rows(range(100, 105)), partition_name="p1")
    assert count(client, name, partition_names=["p1"]) == 35


def test_load_of_one_partition(client, name):
    create(client, name, load=False)
    client.create_partition(name, "p1")
    client.insert(name, rows.rows(range(10)))
    client.insert(name, rows.rows(range(10, 40)), partition_name="p1")
    client.load_partitions(name, ["p1"])
    assert client.get_load_state(name, partition_name="p1")["state"].name == "Loaded"
    assert client.get_load_state(name, partition_name="_default")["state"].name == "NotLoad"
    assert count(client, name) == 30
    with pytest.raises(MilvusException, match="partition not loaded"):
        client.query(name, filter="id >= 0", partition_names=["_default"])
    client.load_partitions(name, ["_default"])
    assert count(client, name) == 40
    client.release_partitions(name, ["p1"])
    assert count(client, name) == 10


def test_drop_partition(client, name):
    create(client, name)
    client.create_partition(name, "p1")
    client.insert(name, rows.rows(range(10)), partition_name="p1")
    with pytest.raises(MilvusException, match="partition cannot be dropped, partition is loaded, please release it first"):
        client.drop_partition(name, "p1")
    client.release_partitions(name, ["p1"])
    client.drop_partition(name, "p1")
    assert client.list_partitions(name) == ["_default"]
    assert count(client, name) == 0
    client.create_partition(name, "p1")
    client.load_partitions(name, ["p1"])
    assert count(client, name) == 0
    client.release_collection(name)
    with pytest.raises(MilvusException, match="default partition cannot be deleted"):
        client.drop_partition(name, "_default")


PARTITION_ERRORS = [
    (lambda c, n: c.create_partition(n, "bad name"), "Partition name can only contain numbers, letters and underscores."),
    (lambda c, n: c.create_partition(n, "$x"), "The first character of a partition name must be an underscore or letter."),
    (lambda c, n: c.create_partition(n, "x" * 256), "The length of a partition name must be less than 255 characters."),
    (lambda c, n: c.insert(n, rows.rows([1]), partition_name="absent"), "partition not found[partition=absent]"),
    (lambda c, n: c.query(n, filter="id > 0", partition_names=["absent"]), "partition name absent not found"),
    (lambda c, n: c.load_partitions(n, ["absent"]), "partition not found[partition=absent]"),
]


@pytest.mark.parametrize("call, message", PARTITION_ERRORS, ids=[m for _, m in PARTITION_ERRORS])
def test_partition_errors(client, name, call, message):
    create(client, name)
    with pytest.raises(MilvusException) as e:
        call(client, name)
    assert message in e.value.message


def test_aliases(client, name):
    create(client, name)
    other = create(client, name + "_b")
    client.insert(name, rows.rows(range(10)))
    client.insert(other, rows.rows(range(20)))
    try:
        client.create_alias(name, "nick")
        assert count(client, "nick") == 10
        assert client.describe_collection("nick")["collection_name"] == name
        assert client.describe_alias("nick")["collection_name"] == name
        assert client.list_aliases(name)["aliases"] == ["nick"]
        client.insert("nick", rows.rows(range(10, 12)))
        assert count(client, name) == 12

        client.alter_alias(other, "nick")
        assert count(client, "nick") == 20
        assert client.list_aliases(name)["aliases"] == []
        with pytest.raises(MilvusException, match="nick is alias to another collection: " + other):
            client.create_alias(name, "nick")
        with pytest.raises(MilvusException, match="unable to drop the collection|has associated aliases"):
            client.drop_collection(other)
        with pytest.raises(MilvusException, match="cannot drop the collection via alias = nick"):
            client.drop_collection("nick")
        client.drop_alias("nick")
        client.drop_alias("nick")
        with pytest.raises(MilvusException, match=r"alias not found\[database=default\]\[alias=nick\]"):
            client.describe_alias("nick")
        with pytest.raises(MilvusException, match="alias and collection name conflict"):
            client.create_alias(name, other)
    finally:
        client.drop_alias("nick")
        client.drop_collection(other)


def test_databases(server, client, name):
    client.create_database("second")
    try:
        assert {"default", "second"} <= set(client.list_databases())
        assert client.describe_database("second")["name"] == "second"
        c = server.client(db_name="second")
        create(client, name)
        create(c, name)
        client.insert(name, rows.rows(range(3)))
        c.insert(name, rows.rows(range(8)))
        assert (count(client, name), count(c, name)) == (3, 8)
        with pytest.raises(MilvusException, match="not empty, must drop all collections before drop database"):
            client.drop_database("second")
        client.drop_collection(name)
        assert c.list_collections() == [name] and count(c, name) == 8
        c.drop_collection(name)
        c.close()
    finally:
        client.drop_database("second")
    assert "second" not in client.list_databases()
    client.use_database("default")


DATABASE_ERRORS = [
    (lambda c: c.create_database("default"), "database already exist: default"),
    (lambda c: c.drop_database("default"), "can not drop default database"),
    (lambda c: c.describe_database("absent"), "database not found[database=absent]"),
    (lambda c: c.create_database("9x"), "the first character of a database name must be an underscore or letter"),
]


@pytest.mark.parametrize("call, message", DATABASE_ERRORS, ids=[m for _, m in DATABASE_ERRORS])
def test_database_errors(client, call, message):
    with pytest.raises(MilvusException) as e:
        call(client)
    assert message in e.value.message


def test_unknown_database_is_refused_at_connect(server):
    with pytest.raises(MilvusException, match=r"database not found\[database=absent\]"):
        server.client(db_name="absent").list_collections()


def test_database_denies(server, client, name):
    """What an administrator forbids in a database, until he allows it again."""
    db = "deny_" + name
    client.create_database(db)
    c = server.client(db_name=db)
    create(c, name)
    c.insert(name, rows.rows(range(10)))
    why = "access has been disabled by the administrator: force deny {} in database properties"
    client.alter_database_properties(db, {"database.force.deny.writing": "true"})
    for write in (lambda: c.insert(name, rows.rows([11])), lambda: c.upsert(name, rows.rows([1])), lambda: c.delete(name, ids=[1])):
        with pytest.raises(MilvusException, match=why.format("writing")) as e:
            write()
        assert e.value.code == 9
    assert count(c, name) == 10
    client.alter_database_properties(db, {"database.force.deny.reading": "true", "database.force.deny.ddl": "true"})
    for read in (lambda: count(c, name), lambda: c.search(name, data=[rows.vector(1)], limit=1)):
        with pytest.raises(MilvusException, match=why.format("reading")):
            read()
    for ddl in (lambda: c.drop_collection(name), lambda: c.create_partition(name, "p"), lambda: c.flush(name)):
        with pytest.raises(MilvusException, match=why.format("DDL")):
            ddl()
    assert c.list_collections() == [name]
    for key in ("writing", "reading", "ddl"):
        client.drop_database_properties(db, ["database.force.deny." + key])
    c.delete(name, ids=[1])
    assert count(c, name) == 9
    c.drop_collection(name)
    c.close()
    client.drop_database(db)
