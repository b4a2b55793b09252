"""What this version does not do is refused by name, never ignored."""

import pytest
from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, MilvusException, RRFRanker
from pymilvus.grpc_gen import milvus_pb2

import rows
import wire
from rows import create


@pytest.fixture
def filled(client, name):
    create(client, name)
    client.insert(name, rows.rows(range(10)))
    return name


def refused(call, *words):
    with pytest.raises(Exception) as e:
        call()
    text = str(e.value)
    assert any(w.lower() in text.lower() for w in words), text


SEARCH = [
    ("order_by_fields", dict(order_by_fields=[{"field": "n", "order": "asc"}]), ["order"]),
    ("hints", dict(search_params={"hints": "nonsense"}), ["hints"]),
]


@pytest.mark.parametrize("kwargs, words", [c[1:] for c in SEARCH], ids=[c[0] for c in SEARCH])
def test_search_field(client, filled, kwargs, words):
    refused(lambda: client.search(filled, data=[rows.vector(1)], limit=3, **kwargs), *words)


def test_query_order_and_groups(client, filled):
    refused(lambda: client.query(filled, filter="id >= 0", limit=5, order_by_fields=["n"]), "order")
    refused(lambda: client.query(filled, filter="id >= 0", output_fields=["n", "count(*)"], group_by_fields=["n"]), "group")
    refused(lambda: client.query(filled, filter="id >= 0", output_fields=["sum(n)"]), "sum")


def test_hybrid_search(client, filled):
    req = AnnSearchRequest([rows.vector(1)], "vec", {}, 3)
    refused(lambda: client.hybrid_search(filled, [req], RRFRanker(), limit=3), "HybridSearch")


@pytest.mark.parametrize("kind", [DataType.BINARY_VECTOR, DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR, DataType.SPARSE_FLOAT_VECTOR, DataType.INT8_VECTOR, DataType.GEOMETRY, DataType.TIMESTAMPTZ])
def test_types(client, name, kind):
    s = rows.schema()
    s.add_field("x", kind, **({} if kind in (DataType.SPARSE_FLOAT_VECTOR, DataType.GEOMETRY, DataType.TIMESTAMPTZ) else {"dim": 16}))
    words = {DataType.BINARY_VECTOR: "BinaryVector", DataType.FLOAT16_VECTOR: "Float16Vector", DataType.BFLOAT16_VECTOR: "BFloat16Vector",
             DataType.SPARSE_FLOAT_VECTOR: "SparseFloatVector", DataType.INT8_VECTOR: "Int8Vector", DataType.GEOMETRY: "Geometry", DataType.TIMESTAMPTZ: "Timestamptz"}
    refused(lambda: client.create_collection(name, schema=s), words[kind])
    assert not client.has_collection(name)


def test_functions(client, name):
    s = rows.schema()
    s.add_field("t", DataType.VARCHAR, max_length=100, enable_analyzer=True)
    s.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    s.add_function(Function(name="bm25", function_type=FunctionType.BM25, input_field_names=["t"], output_field_names=["sparse"]))
    refused(lambda: client.create_collection(name, schema=s), "function", "SparseFloatVector", "analyzer")


@pytest.mark.parametrize("kind", ["AISAQ", "FAISS", "GPU_CAGRA", "BIN_FLAT", "SPARSE_WAND", "MINHASH_LSH"])
def test_index_kinds(client, name, kind):
    client.create_collection(name, schema=rows.schema())
    refused(lambda: client.create_index(name, rows.index(kind, nlist=16)), kind)


RPCS = [
    ("Import", milvus_pb2.ImportRequest(collection_name="c")),
    ("CreateCredential", milvus_pb2.CreateCredentialRequest(username="u", password="cGFzc3dvcmQ=")),
    ("CreateRole", milvus_pb2.CreateRoleRequest()),
    ("CreateResourceGroup", milvus_pb2.CreateResourceGroupRequest(resource_group="g")),
    ("HybridSearch", milvus_pb2.HybridSearchRequest(collection_name="c")),
]


@pytest.mark.parametrize("rpc, request_", RPCS, ids=[r for r, _ in RPCS])
def test_rpcs(server, rpc, request_):
    w = wire.Wire(server.port)

    def call():
        _, status = w.call(rpc, request_)
        assert status.code != 0, f"{rpc} was accepted"
        raise MilvusException(status.code, status.reason)

    refused(call, rpc)
    w.close()


def test_users_are_not_pretended(client):
    refused(lambda: client.create_user("someone", "Secret123"), "CreateCredential", "user", "not implemented", "unimplemented")
