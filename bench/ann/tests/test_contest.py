import contextlib
import io
import json
import os
import tempfile
import unittest

from ann import contest, engines, recall, smoke, truth
from ann.process import Worker, WorkerError
from ann.settings import Settings, SettingsError

OURS = "redkite-flat redkite-hnsw"


@unittest.skipUnless(os.path.exists(engines.GO_WORKER), "cmd/annworker is not built")
class Contest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for name, rows, seed in (("base.f32", 2000, 3), ("query.f32", 40, 4)):
            smoke.gaussian(cls.path(name), rows, seed)
        truth.make(cls.path("base.f32"), cls.path("query.f32"), smoke.DIM, "COSINE", cls.path("truth.i32"), 2)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def settings(self, **more):
        return Settings.read({
            "BASE": self.path("base.f32"), "QUERY": self.path("query.f32"), "TRUTH": self.path("truth.i32"),
            "DIM": str(smoke.DIM), "METRIC": "COSINE", "OUT": self.path("out.json"), "DUMP": self.path("dump"),
            "GRID": "small", "ROUNDS": "3", "SECONDS": "0.001", "ENGINES": OURS, **more})

    def test_ours(self):
        settings = self.settings()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            points = contest.run(settings)
        self.assertEqual({p["engine"] for p in points}, set(OURS.split()))
        exact = recall.truth_sets(settings.truth)
        self.assertEqual([w for p in points for w in smoke.complaints(p, exact, settings.dump, "COSINE")], [])
        graph = [p for p in points if p["engine"] == "redkite-hnsw"]
        self.assertEqual([p["params"]["ef"] for p in graph], sorted(p["params"]["ef"] for p in graph))
        self.assertGreater(graph[-1]["recall10"], 0.99)
        self.assertTrue(all(p["recall10"] < contest.ENOUGH for p in graph[:-1]))
        self.assertTrue(os.path.exists(self.path("out.md")))

    def test_parameters_of_the_caller(self):
        settings = self.settings(ENGINES="redkite-hnsw", ROUNDS="1", PARAMS='{"redkite-hnsw": '
                                 '{"builds": [{"M": 8}, {"M": 12}], "ladders": [[{"ef": 16}], [{"ef": 20}]]}}')
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            points = contest.run(settings)
        self.assertEqual([p["params"] for p in points],
                         [{"M": m, "ef": ef} for m in (8, 12) for ef in (16, 20)])

    def test_one_that_fails_is_left_out(self):
        grid = '{"builds": [{"M": 8}, {"M": 1}], "ladders": [[{"ef": 16}]]}'
        settings = self.settings(ROUNDS="1", PARAMS='{"redkite-hnsw": %s}' % grid)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            with self.assertRaisesRegex(WorkerError, "redkite-hnsw: build: .*param 'M'"):
                contest.run(settings)
        with open(settings.out, encoding="utf-8") as f:
            self.assertEqual([p["params"] for p in json.load(f)], [{}, {"M": 8, "ef": 16}])
        with open(self.path("out.md"), encoding="utf-8") as f:
            self.assertIn("FAILED: redkite-hnsw", f.read())

    def test_refused(self):
        with self.assertRaisesRegex(SettingsError, "no parameters for 'redkite-cagra'"):
            contest.choose(self.settings(ENGINES="redkite-cagra"))
        worker = Worker("redkite-hnsw", engines.command("redkite-hnsw"))
        self.addCleanup(worker.close)
        with self.assertRaisesRegex(WorkerError, "redkite-hnsw: build: no data was loaded"):
            worker.call("build", params={})
        lost = Worker("redkite-cagra", engines.command("redkite-cagra"))
        self.addCleanup(lost.close)
        with self.assertRaisesRegex(WorkerError, "redkite-cagra: info: the worker ended with 1"):
            lost.call("info")
