"""The figures' page, and what memory holds."""

import unittest

from kern import table

try:
    import numpy as np

    from kern import memory
except ImportError:  # setup installs it, with the peers
    np = None


def point(kernels, ns, dim=128, mode="hot", element="f16", measure="L2"):
    return {"element": element, "measure": measure, "dim": dim, "memory": mode, "kernels": kernels, "ns_per_row": ns}


class TestTable(unittest.TestCase):
    def test_best_of_ours_and_theirs(self):
        points = [point("avx512vnni", 2), point("avx2", 4), point("portable", 100), point("numkong", 5),
                  point("faiss SQ", 8), point("faiss SQ by 4", 2.5)]
        (ours, cells), = table.rows(points, "hot")
        self.assertEqual(ours, ["avx512vnni", "avx2", "portable"])
        self.assertEqual(cells, ["f16", "L2", "128", "2.00", "4.00", "100.0", "5.00", "2.50", "0.80", "50.0"])

    def test_no_peer(self):
        points = [point("avx2", 4, element="bits"), point("portable", 100, element="bits")]
        (_, cells), = table.rows(points, "hot")
        self.assertEqual(cells, ["binary", "L2", "128", "4.00", "100.0", "–", "–", "–", "25.0"])

    def test_arm64_is_ours(self):
        (ours, cells), = table.rows([point("neondot", 2), point("neon", 4), point("portable", 100)], "hot")
        self.assertEqual(ours, ["neondot", "neon", "portable"])
        self.assertEqual(cells[3:], ["2.00", "4.00", "100.0", "–", "–", "–", "50.0"])

    def test_only_portable(self):
        (_, cells), = table.rows([point("portable", 100), point("numkong", 50)], "hot")
        self.assertEqual(cells[-2:], ["2.00", "1.0"])

    def test_page_has_only_modes_that_ran(self):
        text = table.page({"machine": "m", "faiss": "1", "numkong": "2", "rounds": 3,
                           "points": [point("portable", 100, mode="cold")]})
        self.assertIn("From memory: 64 adjacent", text)
        self.assertNotIn("In the cache", text)


@unittest.skipIf(np is None, "no numpy")
class TestExact(unittest.TestCase):
    def test_measures(self):
        a, b = np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 0, 0])
        for measure, want in (("L2", 2), ("IP", 1), ("HAMMING", 2), ("JACCARD", 1 - 1 / 3),
                              ("SUBSTRUCTURE", float("inf")), ("SUPERSTRUCTURE", float("inf"))):
            self.assertAlmostEqual(memory.exact(measure, a, b), want)
        self.assertEqual(memory.exact("SUBSTRUCTURE", a * b, b), 0)
        self.assertEqual(memory.exact("SUPERSTRUCTURE", b, a * b), 0)

    def test_widen(self):
        x = np.array([1.5, -2], np.float32)
        self.assertEqual(memory.widen("f16", x.astype(np.float16)).tolist(), [1.5, -2])
        self.assertEqual(memory.widen("bf16", (x.view(np.uint32) >> 16).astype(np.uint16)).tolist(), [1.5, -2])


if __name__ == "__main__":
    unittest.main()
