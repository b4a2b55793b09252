"""With a limit of half the data the answers are the same, and the memory stays within it."""

import sys
import threading

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

DIM, ROWS, BLOCK = 128, 500_000, 10_000
LIMIT_MB, ALLOWANCE_MB = 128, 100  # the data is 256 MB


class Peak:
    """The most that a process had in RAM, in MB, looked at every few milliseconds."""

    def __init__(self, pid: int):
        self.status = f"/proc/{pid}/status"
        self.mb = 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.stop.wait(0.01):
            with open(self.status, encoding="ascii") as f:
                kilobytes = next(line for line in f if line.startswith("VmRSS:")).split()[1]
            self.mb = max(self.mb, int(kilobytes) / 1024)

    def __enter__(self) -> "Peak":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        self.thread.join()


def fill(client: MilvusClient, rng: np.random.Generator) -> np.ndarray:
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=DIM)
    client.create_collection("c", schema=schema)
    rows = rng.integers(0, 256, (ROWS, DIM), dtype=np.uint8)
    for at in range(0, ROWS, BLOCK):
        block = rows[at:at + BLOCK].astype(np.float32)
        client.insert("c", [{"id": at + i, "v": v} for i, v in enumerate(block)])
    client.flush("c")
    return rows


@pytest.mark.skipif(sys.platform != "linux", reason="what is in RAM is bounded, and read, on Linux")
def test_half_the_data(new_server):
    rng = np.random.default_rng(7)
    server = new_server("natsmq", "--memory-limit", f"{LIMIT_MB}MiB")
    server.start()
    client = server.client()
    rows = fill(client, rng)
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="L2")
    client.create_index("c", index)
    # From a fresh process on: the inserts have their own bound.
    client.close()
    server.kill()
    server.start()
    client = server.client()
    with Peak(server.process.pid) as peak:
        client.load_collection("c")
        wide = rows.astype(np.int32)
        for query in rng.integers(0, 256, (20, DIM)):
            exact = ((wide - query) ** 2).sum(axis=1)
            hits = client.search("c", [query.astype(np.float32)], limit=10, search_params={"metric_type": "L2"})[0]
            assert [round(h["distance"]) for h in hits] == sorted(exact)[:10]
            assert [exact[h["id"]] for h in hits] == sorted(exact)[:10]
    assert peak.mb <= LIMIT_MB + ALLOWANCE_MB
    client.close()
