import unittest

from ann import live


def got(wall, cpu, queries=0):
    return {"rows": 1000, "wall_s": wall, "cpu_s": cpu, "queries": queries, "search_cpu_s": 2.0}


class Pages(unittest.TestCase):
    def test_medians_and_ratios(self):
        points = [live.point("redkite-hnsw", 1, True, [got(1, 0.5, 300), got(2, 1, 100), got(4, 4, 800)]),
                  live.point("hnswlib-live", 1, True, [got(4, 2, 100)]),
                  live.point("redkite-hnsw", 2, False, [got(1, 2)])]
        self.assertEqual(live.report(points, ["a fact"]).splitlines()[4:], [
            "| engine | threads that add | that search | rows / s | rows / CPU s | queries / s | queries / CPU s |",
            "|---|---|---|---|---|---|---|",
            "| redkite-hnsw | 1 | 1 | 500 (2.0 ×) | 1,000 (2.0 ×) | 200 (8.0 ×) | 150 (3.0 ×) |",
            "| hnswlib-live | 1 | 1 | 250 | 500 | 25 | 50 |",
            "| redkite-hnsw | 2 | – | 1,000 | 500 | – | – |",
        ])


if __name__ == "__main__":
    unittest.main()
