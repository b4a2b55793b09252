import math
import unittest

from ann.curve import Reading, frontier, read


def points(*pairs):
    return [{"engine": "x", "recall10": r, "qps1": q} for r, q in pairs]


class Frontier(unittest.TestCase):
    def test_beaten_points_are_left_out(self):
        best = frontier(points((0.9, 100), (0.95, 120), (0.99, 50), (0.99, 40), (0.97, 50)), "qps1")
        self.assertEqual([(p["recall10"], p["qps1"]) for p in best], [(0.95, 120), (0.99, 50)])

    def test_ascending(self):
        best = frontier(points((0.99, 10), (0.8, 90), (0.9, 30)), "qps1")
        self.assertEqual([p["recall10"] for p in best], [0.8, 0.9, 0.99])

    def test_empty(self):
        self.assertEqual(frontier([], "qps1"), [])


class Read(unittest.TestCase):
    def test_log_linear(self):
        ps = points((0.9, 1000), (1.0, 10))
        self.assertTrue(math.isclose(read(ps, "qps1", 0.95).qps, 100))
        self.assertTrue(math.isclose(read(ps, "qps1", 0.925).qps, 1000 / 10 ** 0.5))

    def test_measured_points_are_exact(self):
        ps = points((0.9, 1000), (0.95, 70), (1.0, 10))
        for recall, qps in ((0.9, 1000), (0.95, 70), (1.0, 10)):
            self.assertEqual(read(ps, "qps1", recall), Reading(qps))

    def test_curve_begins_above(self):
        self.assertEqual(read(points((0.93, 500), (0.97, 100)), "qps1", 0.9), Reading(500, at_least=True))

    def test_never_reached(self):
        self.assertIsNone(read(points((0.5, 1000), (0.98, 100)), "qps1", 0.99))
        self.assertIsNone(read([], "qps1", 0.99))

    def test_no_neighbour_is_skipped(self):
        # Between 0.94 and 0.96, not between 0.90 and 0.99.
        ps = points((0.90, 1e6), (0.94, 400), (0.96, 100), (0.99, 1))
        self.assertTrue(math.isclose(read(ps, "qps1", 0.95).qps, 200))
