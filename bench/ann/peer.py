"""`python -m ann.peer ENGINE`: a peer as a worker. It speaks the protocol of
cmd/annworker, whose protocol.go describes the requests.

A peer is a class with
    version, isa                what it is and which instructions it uses
    load(base, query, metric)   float32 arrays, one row a vector
    build(params, threads)      makes the index anew, in place of the one before;
                                may return (wall_s, cpu_s) if not all of it counts
    bytes()                     of the index without float32 vectors, as its file says
    prepare(search, lo, hi, k, threads)
                                returns what `ask` takes for the queries [lo, hi)
    ask(batch, threads)         answers it, one query after the other on each thread
    ids(answer)                 its row numbers, an array of k a query
    grow(params, threads, step, search, k)
                                of a peer of bench-live alone: adds all rows
    select(columns, groups)     of a peer with filters: what is asked from here on
"""

import importlib
import json
import os
import resource
import sys
import time

PEERS = {
    "hnswlib": ("ann.peers.hnswlib_peer", "Hnswlib", {}),
    "faiss-hnsw": ("ann.peers.faiss_peer", "Graph", {"codes": False}),
    "faiss-hnsw-sq8": ("ann.peers.faiss_peer", "Graph", {"codes": True}),
    "faiss-hnsw-sq8-refine": ("ann.peers.faiss_peer", "Graph", {"codes": True, "refine": True}),
    "faiss-ivf-pq-fs": ("ann.peers.faiss_peer", "Lists", {"codes": "pq"}),
    "faiss-ivf-rabitq": ("ann.peers.faiss_peer", "Lists", {"codes": "rabitq"}),
    "usearch-f32": ("ann.peers.usearch_peer", "USearch", {"dtype": "f32"}),
    "usearch-i8": ("ann.peers.usearch_peer", "USearch", {"dtype": "i8"}),
    "qdrant-int8": ("ann.peers.qdrant_peer", "Qdrant", {}),
    "hnswlib-filter": ("ann.peers.hnswlib_filter", "HnswlibFilter", {}),
    "hnswlib-live": ("ann.peers.hnswlib_live", "HnswlibLive", {}),
    "qdrant-filter": ("ann.peers.qdrant_filter", "QdrantFilter", {}),
}
K = 10


def cpu_seconds():
    """What all threads of this process have used."""
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


class Server:
    def __init__(self, name):
        import numpy

        module, cls, arguments = PEERS[name]
        self.numpy = numpy
        self.peer = getattr(importlib.import_module(module), cls)(**arguments)

    def info(self, _):
        return {"version": self.peer.version, "isa": self.peer.isa}

    def load(self, r):
        base, query = (self.numpy.memmap(r[k], self.numpy.float32, "r").reshape(-1, r["dim"])
                       for k in ("base", "query"))
        self.rows, self.queries = len(base), len(query)
        self.peer.load(base, self.numpy.array(query), r["metric"])
        return {"rows": self.rows, "queries": self.queries}

    def build(self, r):
        wall, cpu = time.perf_counter(), cpu_seconds()
        spent = self.peer.build(r["params"], r["threads"])
        spent = spent or (time.perf_counter() - wall, cpu_seconds() - cpu)
        return {"wall_s": spent[0], "cpu_s": spent[1], "bytes_per_vector": self.peer.bytes() / self.rows}

    def grow(self, r):
        wall, cpu, search_cpu, queries = self.peer.grow(r["params"], r["threads"], r["step"], r["search"], K)
        return {"rows": self.rows, "wall_s": wall, "cpu_s": cpu, "search_cpu_s": search_cpu, "queries": int(queries)}

    def select(self, r):
        columns = self.numpy.fromfile(r["columns"], "<i4").reshape(-1, self.rows)
        self.peer.select(columns, r["groups"])
        self.queries = sum(len(g["queries"]) for g in r["groups"])
        return {"queries": self.queries}

    def run(self, r):
        n = min(r.get("queries") or self.queries, self.queries)
        batch = self.peer.prepare(r["search"], 0, n, K, r["threads"])
        elsewhere = 0.0  # CPU of other processes, which a peer may use as threads
        done, began, cpu = 0, time.perf_counter(), cpu_seconds()
        while True:
            answer = self.peer.ask(batch, r["threads"])
            elsewhere += getattr(self.peer, "elsewhere", 0.0)
            done += n
            wall = time.perf_counter() - began
            if wall >= r["seconds"]:
                del answer
                return {"queries": done, "wall_s": wall, "cpu_s": cpu_seconds() - cpu + elsewhere}

    def dump(self, r):
        k = r.get("k") or K
        batch = self.peer.prepare(r["search"], 0, self.queries, k, r["threads"])
        wall, cpu = time.perf_counter(), cpu_seconds()
        answer = self.peer.ask(batch, r["threads"])
        reply = {"queries": self.queries, "wall_s": time.perf_counter() - wall, "cpu_s": cpu_seconds() - cpu}
        ids = self.numpy.asarray(self.peer.ids(answer)).astype("<i4")
        if ids.shape != (self.queries, k):
            raise ValueError(f"answers of shape {ids.shape}, {(self.queries, k)} is wanted")
        ids.tofile(r["path"])
        return reply

    def quit(self, _):
        close = getattr(self.peer, "close", None)
        if close:
            close()
        return {}


OPS = ("info", "load", "build", "grow", "select", "run", "dump", "quit")


def serve(name, start):
    """Answers the driver with the methods of what start returns."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no reply
    server = start()
    for line in sys.stdin:
        r = json.loads(line)
        try:
            if r["op"] not in OPS or not hasattr(server, r["op"]):
                raise ValueError("no such op")
            reply = getattr(server, r["op"])(r)
        except Exception as e:  # whatever it is, the driver is told
            reply = {"error": f"{name}: {r['op']}: {type(e).__name__}: {e}"}
        out.write(json.dumps(reply) + "\n")
        out.flush()
        if r["op"] == "quit":
            return
    server.quit(None)


if __name__ == "__main__":
    serve(sys.argv[1], lambda: Server(sys.argv[1]))
