"""A build that is dropped while it runs ends soon and leaves nothing behind."""

import os
import random
import time

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

import rows

ROWS, DIM = 30_000, 64
# A graph that takes minutes to build here.
ENDLESS = dict(M=256, efConstruction=20_000)
LONG = 60.0  # for a machine that is busy; what is waited for takes a moment


def wait(what, done):
    deadline = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def files(server, kind) -> list:
    """The objects of a kind; folders may go meanwhile."""
    return [f for folder, _, names in os.walk(server.data / "objects" / kind) for f in names]


def index_files(server) -> list:
    return files(server, "index_files")


def fill(client, name):
    s = MilvusClient.create_schema()
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=DIM)
    client.create_collection(name, schema=s)
    vectors = np.random.default_rng(1).random((ROWS, DIM), dtype=np.float32)
    for at in range(0, ROWS, 5000):
        client.insert(name, [{"id": i, "vec": vectors[i]} for i in range(at, at + 5000)])
    client.flush(name)


@pytest.mark.parametrize("kind", ["HNSW", "HNSW_SQ"])
@pytest.mark.parametrize("drop", ["index", "collection"])
def test_drop_while_building(new_server, drop, kind):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    server = new_server().start()
    client = server.client()
    fill(client, "c")
    client.create_collection("other", schema=rows.schema())
    client.insert("other", rows.rows(range(1500)))
    client.flush("other")
    client.create_index("c", rows.index(kind, **ENDLESS), sync=False)
    # One index is built at a time: this one waits for that to end.
    client.create_index("other", rows.index("HNSW", M=8, efConstruction=20), sync=False)
    time.sleep(2 * random.Random(seed).random())
    assert client.describe_index("c", "vec")["indexed_rows"] == 0, "the build is done already"
    assert client.describe_index("other", "vec")["indexed_rows"] == 0
    assert not index_files(server)
    if drop == "index":
        client.drop_index("c", "vec")
    else:
        client.drop_collection("c")
    wait("the build goes on", lambda: client.describe_index("other", "vec")["indexed_rows"] == 1500)
    wait("an index file is left", lambda: len(index_files(server)) == 1)
    client.drop_collection("other")
    wait("an index file is left", lambda: not index_files(server))
    if drop == "collection":
        wait("rows are left", lambda: not files(server, "insert_log"))
    else:
        client.create_index("c", rows.index("HNSW", M=8, efConstruction=20))  # what ran is in nobody's way
        assert client.describe_index("c", "vec")["indexed_rows"] == ROWS
        assert len(index_files(server)) == 1
    client.close()
    assert server.terminate() == 0
