import unittest

from ann.engines import MODULES, SPECIAL
from ann.filtered import LADDERS
from ann.grid import default_grids, list_counts
from ann.live import ENGINES
from ann.peer import PEERS


class Grids(unittest.TestCase):
    def test_every_peer_has_a_grid_and_a_class(self):
        grids = default_grids(100000, 128, small=False)
        self.assertEqual({*MODULES, *SPECIAL}, set(PEERS))
        self.assertEqual(set(SPECIAL), {n for n in (*LADDERS, *ENGINES) if not n.startswith("redkite-")})
        self.assertEqual(set(MODULES), {n for n in grids if not n.startswith("redkite-") and n != "coder-hnsw"})

    def test_graphs_share_one_grid(self):
        grids = default_grids(100000, 128, small=False)
        for name, grid in grids.items():
            if "M" in grid.builds[0]:
                self.assertEqual(grid.builds, grids["redkite-hnsw"].builds, name)
                for ladder in grid.ladders:
                    self.assertEqual([s["ef"] for s in ladder], [s["ef"] for s in grids["hnswlib"].ladders[0]], name)

    def test_small(self):
        self.assertEqual(default_grids(100000, 128, small=True)["hnswlib"].builds, [{"M": 16, "efConstruction": 200}])

    def test_list_counts(self):
        for rows, small, want in ((1000000, False, [2000, 4000, 8000]), (1000000, True, [4000]), (3000, False, [76]),
                                  (10, True, [1])):
            self.assertEqual(list_counts(rows, small), want)
