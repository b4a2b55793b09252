"""Requests as they are on the wire, for what pymilvus would not send."""

import grpc
import numpy as np
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2


class Wire:
    def __init__(self, port: int):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[
            ("grpc.enable_retries", 0), ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
        self.stub = milvus_pb2_grpc.MilvusServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def call(self, rpc: str, request, timeout: float = 20):
        """The reply and its status."""
        reply = getattr(self.stub, rpc)(request, timeout=timeout)
        return reply, reply.status if hasattr(reply, "status") else reply

    def insert(self, collection: str, fields: list, n: int, **kwargs):
        return self.call("Insert", milvus_pb2.InsertRequest(collection_name=collection, fields_data=fields, num_rows=n, **kwargs))[1]

    def search(self, collection: str, group: bytes, nq: int = 1, **params):
        p = {"anns_field": "vec", "topk": "3", "params": "{}", "metric_type": "L2", **params}
        pairs = [common_pb2.KeyValuePair(key=k, value=v) for k, v in p.items()]
        return self.call("Search", milvus_pb2.SearchRequest(
            collection_name=collection, placeholder_group=group, nq=nq, dsl_type=common_pb2.BoolExprV1, search_params=pairs))[1]


def longs(name: str, values) -> schema_pb2.FieldData:
    return schema_pb2.FieldData(type=schema_pb2.Int64, field_name=name, scalars=schema_pb2.ScalarField(long_data=schema_pb2.LongArray(data=values)))


def strings(name: str, values) -> schema_pb2.FieldData:
    return schema_pb2.FieldData(type=schema_pb2.VarChar, field_name=name, scalars=schema_pb2.ScalarField(string_data=schema_pb2.StringArray(data=values)))


def vectors(name: str, values, dim: int) -> schema_pb2.FieldData:
    data = np.asarray(values, np.float32).ravel()
    return schema_pb2.FieldData(type=schema_pb2.FloatVector, field_name=name,
                                vectors=schema_pb2.VectorField(dim=dim, float_vector=schema_pb2.FloatArray(data=data)))


def placeholders(values: list[bytes], kind=common_pb2.FloatVector) -> bytes:
    return common_pb2.PlaceholderGroup(placeholders=[common_pb2.PlaceholderValue(tag="$0", type=kind, values=values)]).SerializeToString()
