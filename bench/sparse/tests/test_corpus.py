import gzip
import json
import math
import os
import struct
import tempfile
import unittest

from sparse import corpus as texts


class CorpusTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "texts.gz")
        with gzip.open(self.path, "wt", encoding="utf-8") as f:
            for which, text in (("base", "A b, b"), ("query", "b b z"), ("base", "c")):
                f.write(json.dumps({"set": which, "text": text}) + "\n")

    def tearDown(self):
        self.folder.cleanup()

    def test_read(self):
        corpus, words = texts.read(self.path, 5, 1)
        self.assertEqual(words, ["a", "b", "z", "c"])
        self.assertEqual(corpus.base, [[0, 1, 1], [3], [0, 1, 1], [3], [0, 1, 1]])
        self.assertEqual(corpus.queries, [[1, 1, 2]])
        self.assertEqual(corpus.avgdl, 11 / 5)
        self.assertAlmostEqual(corpus.idf(3), math.log(1 + 3.5 / 2.5))

    def test_keep(self):
        corpus, _ = texts.read(self.path, 1000, 0.5)
        self.assertEqual(corpus.base[:2], [[0, 1, 1], [3]])
        self.assertTrue(0.45 < sum(map(len, corpus.base)) / 2000 < 0.55)
        self.assertEqual(corpus.base, texts.read(self.path, 1000, 0.5)[0].base)

    def test_write(self):
        corpus, _ = texts.read(self.path, 2, 1)
        path = os.path.join(self.folder.name, "rows")
        texts.write_base(path, corpus)
        with open(path, "rb") as f:
            self.assertEqual(f.read(), struct.pack("<2Q3Q3I3f", 2, 3, 0, 2, 3, 0, 1, 3, 1, 2, 1))
        texts.write_queries(path, corpus)
        with open(path, "rb") as f:
            self.assertEqual(f.read(), struct.pack("<2Q2QIf", 1, 1, 0, 1, 1, 2 * corpus.idf(1)))


if __name__ == "__main__":
    unittest.main()
