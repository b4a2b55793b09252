"""Texts as words, and as sparse vectors: counts of words in rows, and in queries
counts times how rare a word is."""

import array
import gzip
import json
import math
import random
import re
from collections import Counter

K1, B = 1.2, 0.75
WORD = re.compile(r"\w+")


class Corpus:
    """Rows and queries as numbers of words, and what BM25 needs of the rows."""

    def __init__(self, base, queries):
        self.base, self.queries = base, queries
        self.rows = len(base)
        self.avgdl = sum(map(len, base)) / len(base)
        self.df = Counter()
        for row in base:
            self.df.update(set(row))

    def idf(self, word):
        """As Lucene has it, never below 0."""
        df = self.df[word]
        return math.log(1 + (self.rows - df + 0.5) / (df + 0.5))


def read(path, rows, keep, seed=1):
    """Reads lines of JSON with `set`, base or query, and `text`. The base is
    repeated to that many rows; of a repeated text each word stays with
    probability `keep`. Returns a Corpus and the words by number."""
    numbers, base, queries = {}, [], []
    with gzip.open(path, "rt", encoding="utf-8") as f:
        for line in f:
            line = json.loads(line)
            words = [numbers.setdefault(w, len(numbers)) for w in WORD.findall(line["text"].lower())]
            (base if line["set"] == "base" else queries).append(words)
    rng = random.Random(seed)
    first = len(base)
    for i in range(first, rows):
        row = base[i % first]
        base.append(row if keep >= 1 else [w for w in row if rng.random() < keep])
    return Corpus(base[:rows], queries), list(numbers)


def write(path, rows):
    """Writes rows of (word, value), ascending; cmd/annworker/sparse.go has the format."""
    offsets, words, values = array.array("Q", [0]), array.array("I"), array.array("f")
    for row in rows:
        for word, value in row:
            words.append(word)
            values.append(value)
        offsets.append(len(words))
    with open(path, "wb") as f:
        for part in (array.array("Q", [len(offsets) - 1, len(words)]), offsets, words, values):
            f.write(part.tobytes())


def counts(words):
    return sorted(Counter(words).items())


def write_base(path, corpus):
    write(path, map(counts, corpus.base))


def write_queries(path, corpus):
    """A word that no row has is left out."""
    write(path, ([(w, n * corpus.idf(w)) for w, n in counts(q) if corpus.df[w]] for q in corpus.queries))
