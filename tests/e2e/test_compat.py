"""docs/compat.md names every call of the protocol, and tells the truth."""

import re

import grpc
import pytest
from pymilvus.grpc_gen import milvus_pb2

import process
import wire

UNIMPLEMENTED = 10
METHODS = {m.name: m for m in milvus_pb2.DESCRIPTOR.services_by_name["MilvusService"].methods}
ROWS = dict(re.findall(r"^\| `(\w+)` \| (served|refused) \|", (process.ROOT / "docs" / "compat.md").read_text(), re.M))


def test_every_call_has_a_row():
    assert sorted(ROWS) == sorted(METHODS)


def answer(w: wire.Wire, name: str) -> str:
    """How an empty request is answered: refused by name, or not."""
    method = METHODS[name]
    request = getattr(milvus_pb2, method.input_type.name, None) or method.input_type._concrete_class
    try:
        reply = getattr(w.stub, name)(iter([request()]) if method.client_streaming else request(), timeout=10)
        if method.server_streaming:
            reply = next(iter(reply))
    except grpc.RpcError as e:
        return "refused" if e.code() == grpc.StatusCode.UNIMPLEMENTED and name in e.details() else f"{e.code()} {e.details()}"
    status = getattr(reply, "status", reply)
    if getattr(status, "code", 0) != UNIMPLEMENTED:
        return "served"
    return "refused" if name in status.reason else f"refused without its name: {status.reason}"


@pytest.mark.parametrize("name", sorted(METHODS))
def test_call(server, name):
    w = wire.Wire(server.port)
    try:
        assert answer(w, name) == ROWS[name]
    finally:
        w.close()
