import unittest

from ann.rounds import Rounds, in_turn, part


class Fake:
    """Answers with one speed after the other."""

    def __init__(self, walls):
        self.walls, self.asked = iter(walls), []

    def call(self, op, **arguments):
        self.asked.append((op, arguments))
        return {"queries": 100, "wall_s": next(self.walls), "cpu_s": 0.01 * len(self.asked)}


class RoundsTest(unittest.TestCase):
    def test_medians(self):
        fake = Fake([1, 2, 4])
        rounds = Rounds(fake, {"ef": 10}, (1,), queries=50)
        for _ in range(3):
            rounds.time(0.5)
        self.assertEqual(fake.asked[0], ("run", {"search": {"ef": 10}, "threads": 1, "seconds": 0.5, "queries": 50}))
        self.assertEqual(rounds.medians(), {"qps1": 50, "spread1": 1.5, "cpu_us_per_query": 200})

    def test_each_round_begins_with_another(self):
        self.assertEqual([in_turn(["a", "b", "c"], n) for n in (0, 1, 5)],
                         [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]])
        self.assertEqual(in_turn([], 1), [])

    def test_part(self):
        self.assertEqual([part(1000, s, 1.0) for s in (5, 10, 1e9)], [1000, 500, 1])


if __name__ == "__main__":
    unittest.main()
