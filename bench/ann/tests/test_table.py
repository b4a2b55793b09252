import unittest

from ann.table import build_table, report, speed_table


def point(engine, recall, qps, **more):
    return {"engine": engine, "params": {}, "build": {"M": 16}, "recall10": recall, "qps1": qps,
            "qps2": 2 * qps, "cpu_us_per_query": 5e5 / qps, "spread1": 0.1, "spread2": 0.3,
            "build_cpu_s": 1.25, "build_wall_s": 0.75, "bytes_per_vector": 140.4, **more}


POINTS = [
    point("hnswlib", 0.90, 1000), point("hnswlib", 0.99, 100),
    point("redkite-hnsw", 0.90, 2000), point("redkite-hnsw", 0.99, 150),
    point("faiss-hnsw", 0.92, 3000), point("faiss-hnsw", 0.96, 90),
]


class Tables(unittest.TestCase):
    def test_speeds_and_ratios(self):
        self.assertEqual(speed_table(POINTS, "qps1").splitlines(), [
            "| engine | recall@10 0.90 | recall@10 0.95 | recall@10 0.99 | best recall |",
            "|---|---|---|---|---|",
            "| redkite-hnsw | 2,000 (0.67 ×) | 474 (1.70 ×) | 150 (1.50 ×) | 0.9900 |",
            "| hnswlib | 1,000 | 278 | 100 | 0.9900 |",
            "| faiss-hnsw | ≥ 3,000 | 216 | – | 0.9600 |",
        ])

    def test_ours_is_no_peer(self):
        only = [p for p in POINTS if p["engine"].startswith("redkite")]
        self.assertIn("| redkite-hnsw | 2,000 | 474 | 150 | 0.9900 |", speed_table(only, "qps1"))

    def test_each_build_once(self):
        self.assertEqual(len(build_table(POINTS).splitlines()), 2 + 3)
        self.assertIn("| hnswlib | M 16 | 1.2 | 0.8 | 140 |", build_table(POINTS))

    def test_report(self):
        text = report(POINTS, ["a fact"])
        self.assertIn("- a fact\n", text)
        self.assertIn("two threads", text)
        self.assertIn("| hnswlib | 2,000 | 557 | 200 | 0.9900 |", text)  # by CPU twice as fast
        self.assertIn("median 20.0 %, largest 30.0 %", text)
