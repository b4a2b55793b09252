"""The peers: tantivy, a full-text engine in Rust, and bm25s, which adds up scores
made beforehand, compiled by numba. `python -m sparse.peers ENGINE FILE ROWS KEEP`
answers lines of JSON like cmd/annworker."""

import concurrent.futures
import importlib.metadata
import sys
import time

import numpy

from ann.peer import K, cpu_seconds, serve
from sparse import corpus as texts


class Tantivy:
    def __init__(self, corpus, words):
        import tantivy

        self.module, self.version = tantivy, importlib.metadata.version("tantivy")
        self.corpus, self.words = corpus, words

    def build(self):
        schema = self.module.SchemaBuilder().add_text_field(
            "text", stored=False, tokenizer_name="whitespace", index_option="freq").build()
        index = self.module.Index(schema)
        writer = index.writer(heap_size=2_000_000_000, num_threads=1)  # one segment, rows in order
        for row in self.corpus.base:
            writer.add_document(self.module.Document(text=" ".join(f"w{w}" for w in row)))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self.searcher = index.searcher()
        if self.searcher.num_segments != 1:
            raise RuntimeError(f"tantivy made {self.searcher.num_segments} segments, so that rows have no numbers")
        self.queries = [self.query(schema, q) for q in self.corpus.queries]

    def query(self, schema, words):
        q = self.module.Query
        parts = []
        for w, n in texts.counts(words):
            part = q.term_query(schema, "text", f"w{w}", index_option="freq")
            parts.append((self.module.Occur.Should, q.boost_query(part, float(n)) if n > 1 else part))
        return q.boolean_query(parts)

    def some(self, queries):
        """Without counting the hits, so that rows can be passed over."""
        return [self.searcher.search(q, K, count=False) for q in queries]

    def ask(self, threads):
        if threads == 1:
            return self.some(self.queries)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            parts = pool.map(self.some, [self.queries[i::threads] for i in range(threads)])
            return [a for part in parts for a in part]

    def ids(self):
        out = numpy.full((len(self.queries), K), -1, numpy.int64)
        for i, answer in enumerate(self.some(self.queries)):
            rows = [address.doc for _, address in answer.hits]
            out[i, :len(rows)] = rows
        return out


class BM25S:
    def __init__(self, corpus, words):
        import bm25s

        self.module, self.version = bm25s, importlib.metadata.version("bm25s")
        self.corpus, self.words = corpus, words

    def build(self):
        tokens = self.module.tokenization.Tokenized
        vocabulary = {w: i for i, w in enumerate(self.words)}
        self.index = self.module.BM25(k1=texts.K1, b=texts.B, method="lucene", backend="numba")
        self.index.index(tokens(ids=self.corpus.base, vocab=vocabulary), show_progress=False)
        known = self.corpus.df  # it refuses words that no row has
        self.queries = tokens(ids=[[w for w in q if known[w]] for q in self.corpus.queries], vocab=vocabulary)

    def ask(self, threads):
        return self.index.retrieve(self.queries, k=K, show_progress=False, n_threads=threads)

    def ids(self):
        answer = self.ask(1)
        return numpy.where(answer.scores > 0, answer.documents, -1)


PEERS = {"tantivy": Tantivy, "bm25s": BM25S}


class Server:
    def __init__(self, name, path, rows, keep):
        self.peer = PEERS[name](*texts.read(path, rows, keep))

    def info(self, _):
        return {"version": self.peer.version}

    def build(self, _):
        wall, cpu = time.perf_counter(), cpu_seconds()
        self.peer.build()
        return {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_seconds() - cpu}

    def run(self, r):
        self.peer.ask(r["threads"])  # compiles, and makes threads
        done, wall, cpu = 0, time.perf_counter(), cpu_seconds()
        while True:
            self.peer.ask(r["threads"])
            done += len(self.peer.corpus.queries)
            spent = time.perf_counter() - wall
            if spent >= r["seconds"]:
                return {"queries": done, "wall_s": spent, "cpu_s": cpu_seconds() - cpu}

    def dump(self, r):
        self.peer.ids().astype("<i4").tofile(r["path"])
        return {}

    def quit(self, _):
        return {}


if __name__ == "__main__":
    engine, path, rows, keep = sys.argv[1:]
    serve(engine, lambda: Server(engine, path, int(rows), float(keep)))
