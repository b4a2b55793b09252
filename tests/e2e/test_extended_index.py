"""The index of a compacted segment is made of that of its largest input."""

import re
import time

import pytest

import rows
from indexed import create, recall, wait_indexed


def insert(client, name, keys):
    for at in range(0, len(keys), 2000):
        client.insert(name, rows.rows(keys[at:at + 2000]))
    client.flush(name)
    # Its index has to be there before a compaction begins.
    assert wait_indexed(client, name) >= len(keys)


def compact(client, name):
    job = client.compact(name)
    deadline = time.monotonic() + 120
    while client.get_compaction_state(job) != "Completed":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def extended(server):
    """(rows of the segment, those of them that the earlier index had), for each index that was extended."""
    log = "".join(f.read_text() for f in sorted((server.data / "logs").iterdir()))
    found = re.findall(r'msg="an index was extended" .*rows=(\d+) kept=(\d+)', log)
    return [(int(a), int(b)) for a, b in found]


@pytest.mark.parametrize("kind,metric", [("HNSW", "L2"), ("HNSW", "COSINE"), ("HNSW_SQ", "IP")])
def test_extended(new_server, log_type, kind, metric):
    server = new_server(log_type, "--set", "dataCoord.compaction.enableAutoCompaction=false").start()
    client = server.client()
    create(client, "c", kind, {"M": 16, "efConstruction": 100}, metric, num_shards=1)
    # Keys of the flushes lie between each other's, so that each row gets another number.
    first, second, third = [list(range(i, 8000, 8)) for i in (1, 3)], list(range(0, 8000, 2)), list(range(5, 8000, 8))
    insert(client, "c", second)
    for part in (*first, third):
        insert(client, "c", part)
    client.delete("c", filter="n < 10")
    client.flush("c")
    left = [k for part in (*first, second, third) for k in part if k % 100 >= 10]
    assert extended(server) == []
    compact(client, "c")
    assert extended(server) == [(len(left), sum(k % 2 == 0 for k in left))]
    assert recall(client, "c", left, {"ef": 100}, metric) >= 0.95
    assert recall(client, "c", left, {"ef": 100}, metric, keep=lambda k: k % 7 == 3, filter="s == 's3'") >= 0.95

    # Again, with the extended index, after a crash.
    client.close()
    server.kill()
    client = server.start().client()
    more = list(range(8001, 10_000))
    insert(client, "c", more)
    client.delete("c", filter="n >= 90")
    client.flush("c")
    compact(client, "c")
    left = [k for k in left + more if k % 100 < 90]
    assert extended(server)[1:] == [(len(left), sum(k < 8000 for k in left))]
    assert recall(client, "c", left, {"ef": 100}, metric) >= 0.95
    client.close()
