"""The exact answers, by numpy in float64."""

import numpy

from sparse.corpus import B, K1, counts

TOLERANCE = 1e-5  # of scores: peers add up in float32


class Truth:
    """The scores of all rows, query by query, from lists of rows a word."""

    def __init__(self, corpus):
        self.corpus = corpus
        wanted = {w for q in corpus.queries for w in q}
        length = numpy.array([len(r) for r in corpus.base], numpy.float64)
        norm = K1 * (1 - B + B * length / max(corpus.avgdl, 1))
        rows, tf = {w: [] for w in wanted}, {w: [] for w in wanted}
        for i, row in enumerate(corpus.base):
            for w, n in counts(row):
                if w in wanted:
                    rows[w].append(i)
                    tf[w].append(n)
        self.rows = {w: numpy.array(r, numpy.int64) for w, r in rows.items()}
        self.worth = {}
        for w, n in tf.items():
            n = numpy.array(n, numpy.float64)
            self.worth[w] = corpus.idf(w) * n * (K1 + 1) / (n + norm[self.rows[w]])

    def scores(self, query):
        total = numpy.zeros(self.corpus.rows)
        for w, n in counts(query):
            total[self.rows[w]] += n * self.worth[w]
        return total

    def agreement(self, answers, k=10):
        """For each engine the share of queries whose answers have just the k best
        scores, row by row; rows of equal scores may stand for each other. answers
        has for each engine an array of k row numbers a query, -1 for none."""
        right = dict.fromkeys(answers, 0)
        for i, query in enumerate(self.corpus.queries):
            total = self.scores(query)
            best = numpy.sort(numpy.partition(total, -k)[-k:])[::-1]
            for name, ids in answers.items():
                own = ids[i]
                given = own[own >= 0]
                scores = numpy.where(own >= 0, total[own], 0)
                right[name] += len(set(given.tolist())) == len(given) and numpy.allclose(
                    scores, best, rtol=TOLERANCE, atol=1e-9)
        return {name: n / len(self.corpus.queries) for name, n in right.items()}
