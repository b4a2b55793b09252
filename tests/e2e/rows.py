"""Schemas and rows that the tests share; every row follows from its key."""

import numpy as np
from pymilvus import DataType, MilvusClient

DIM = 16


def vector(key: int, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(key).random(dim, dtype=np.float32)


def row(key: int) -> dict:
    return {"id": key, "vec": vector(key), "n": key % 100, "s": f"s{key % 7}"}


def rows(keys) -> list[dict]:
    return [row(k) for k in keys]


def schema(auto_id: bool = False, dynamic: bool = False):
    s = MilvusClient.create_schema(auto_id=auto_id, enable_dynamic_field=dynamic)
    s.add_field("id", DataType.INT64, is_primary=True)
    s.add_field("vec", DataType.FLOAT_VECTOR, dim=DIM)
    s.add_field("n", DataType.INT64)
    s.add_field("s", DataType.VARCHAR, max_length=64)
    return s


def index(kind: str = "FLAT", metric: str = "L2", field: str = "vec", **params):
    p = MilvusClient.prepare_index_params()
    p.add_index(field, index_type=kind, metric_type=metric, index_name=field, params=params)
    return p


def create(client: MilvusClient, name: str, kind: str = "FLAT", metric: str = "L2", load: bool = True, **kwargs) -> str:
    params = {"M": 16, "efConstruction": 100} if kind == "HNSW" else {}
    client.create_collection(name, schema=schema(), index_params=index(kind, metric, **params), **kwargs)
    if not load:
        client.release_collection(name)
    return name


def nearest(keys, query: np.ndarray, k: int, metric: str = "L2") -> list[int]:
    """The exact k nearest keys among rows made by row()."""
    keys = list(keys)
    base = np.stack([vector(i, len(query)) for i in keys])
    if metric == "L2":
        score = ((base - query) ** 2).sum(1)
    elif metric == "IP":
        score = -(base @ query)
    else:
        score = -(base @ query) / (np.linalg.norm(base, axis=1) * np.linalg.norm(query))
    return [keys[i] for i in np.argsort(score, kind="stable")[:k]]


def ids(hits) -> list:
    return [h["id"] for h in hits]


def count(client: MilvusClient, name: str, filter: str = "", **kwargs) -> int:
    kwargs.setdefault("consistency_level", "Strong")
    return client.query(name, filter=filter, output_fields=["count(*)"], **kwargs)[0]["count(*)"]
