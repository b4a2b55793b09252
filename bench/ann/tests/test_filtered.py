import contextlib
import importlib.util
import io
import json
import os
import tempfile
import unittest

from ann import engines, filtered, selection, smoke
from ann.settings import Settings, SettingsError


def point(engine, kind, share, recall, qps, missing=0):
    return {"engine": engine, "kind": kind, "share": share, "params": {}, "recall10": recall, "qps1": qps,
            "cpu_us_per_query": 1e6 / qps, "missing": missing, "spread1": 0.0}


class Tables(unittest.TestCase):
    def test_speeds_ratios_and_short_answers(self):
        points = [
            point("redkite-hnsw", "random", 0.001, 0.94, 4000), point("redkite-hnsw", "random", 0.001, 0.96, 1000),
            point("hnswlib-filter", "random", 0.001, 1.0, 500, missing=3),
            point("redkite-hnsw", "far", 0.5, 1.0, 700), point("hnswlib-filter", "far", 0.5, 0.4, 9000),
        ]
        self.assertEqual(filtered.table(points, "qps1").splitlines(), [
            "| filter | rows | redkite-hnsw | hnswlib-filter |",
            "|---|---|---|---|",
            "| random | 0.1 % | 2,000 (4.0 ×) | 500, < 10: 1 |",
            "| far | 50 % | 700 | – (recall 0.40) |",
        ])


class Cases(unittest.TestCase):
    def test_shares_of_the_rows(self):
        cases = selection.cases(1000, [[0, 1, 2], [5, 6], [7]])
        self.assertEqual([(c.kind, c.share) for c in cases],
                         [(k, s) for k in selection.KINDS for s in selection.SHARES])
        for c in cases:
            self.assertEqual({g["high"] - g["low"] for g in c.groups}, {max(10, round(1000 * c.share))})
            self.assertEqual({g["low"] for g in c.groups} == {0}, c.kind != "far")
            self.assertEqual([g["queries"] for g in c.groups],
                             [[0, 1, 2]] if c.kind == "random" else [[5, 6], [7]])


@unittest.skipUnless(os.path.exists(engines.GO_WORKER) and importlib.util.find_spec("numpy"),
                     "cmd/annworker or numpy is not there")
class Run(unittest.TestCase):
    def test_ours(self):
        with tempfile.TemporaryDirectory() as folder:
            env = {"BASE": folder + "/base.f32", "QUERY": folder + "/query.f32", "DIM": str(smoke.DIM), "METRIC": "IP",
                   "OUT": folder + "/out.json", "ENGINES": "redkite-hnsw", "ROUNDS": "1", "SECONDS": "0.001"}
            smoke.gaussian(env["BASE"], 2000, 3)
            smoke.gaussian(env["QUERY"], 40, 4)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                points = filtered.run(Settings.read(env, truth=False))
            with open(env["OUT"], encoding="utf-8") as f:
                self.assertEqual(len(json.load(f)), len(points))
            self.assertEqual(len({(p["kind"], p["share"]) for p in points}), len(selection.KINDS) * len(selection.SHARES))
            self.assertEqual({p["missing"] for p in points}, {0})
            self.assertTrue(all(max(p["recall10"] for p in points if (p["kind"], p["share"]) == case) >= 0.95
                                for case in {(p["kind"], p["share"]) for p in points}))
            with self.assertRaisesRegex(SettingsError, "'coder-hnsw' has no filter"):
                filtered.run(Settings.read({**env, "ENGINES": "coder-hnsw"}, truth=False))


if __name__ == "__main__":
    unittest.main()
