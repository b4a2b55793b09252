import os
import tempfile
import unittest

from ann.settings import Settings, SettingsError


class Read(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.env = {"DIM": "4", "METRIC": "ip", "OUT": "out.json"}
        for name, size in (("BASE", 5 * 16), ("QUERY", 2 * 16), ("TRUTH", 2 * 400)):
            self.env[name] = os.path.join(folder.name, name)
            with open(self.env[name], "wb") as f:
                f.write(bytes(size))

    def test_good(self):
        s = Settings.read(self.env)
        self.assertEqual((s.rows, s.queries, s.metric, s.grid, s.rounds, s.seconds, s.engines),
                         (5, 2, "IP", "full", 3, 1.0, []))
        s = Settings.read({**self.env, "ENGINES": "hnswlib,redkite-hnsw coder-hnsw", "GRID": "small", "ROUNDS": "1"})
        self.assertEqual((s.engines, s.grid, s.rounds), (["hnswlib", "redkite-hnsw", "coder-hnsw"], "small", 1))

    def test_bad(self):
        for change, text in (
            ({"OUT": ""}, "not given: OUT"),
            ({"DIM": "0"}, "DIM is '0'"),
            ({"DIM": "3"}, "80 bytes are not rows of 3"),
            ({"METRIC": "L1"}, "METRIC is 'L1', one of L2, IP, COSINE"),
            ({"GRID": "huge"}, "GRID is 'huge'"),
            ({"ROUNDS": "none"}, "ROUNDS is 'none'"),
            ({"SECONDS": "nan"}, "SECONDS is 'nan'"),
            ({"TRUTH": self.env["BASE"]}, "80 bytes are not rows of 100"),
            ({"QUERY": self.env["BASE"]}, "answers 2 queries with 100 each, QUERY has 5"),
            ({"PARAMS": "{"}, "PARAMS is not JSON"),
            ({"PARAMS": '{"x": {"builds": []}}'}, "PARAMS is {engine"),
        ):
            with self.subTest(change), self.assertRaisesRegex(SettingsError, text.replace("{", "\\{")):
                Settings.read({**self.env, **change})
