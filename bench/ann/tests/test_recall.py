import array
import os
import tempfile
import unittest

from ann.recall import recall, read_ids, truth_sets


class Recall(unittest.TestCase):
    def test_share_of_the_first_ten(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "truth.i32")
            with open(path, "wb") as f:
                f.write(array.array("i", list(range(100)) + list(range(100, 200))).tobytes())
            truth = truth_sets(path)
            self.assertEqual(len(read_ids(path)), 200)
        self.assertEqual(recall(list(range(10)) + list(range(109, 99, -1)), truth), 1.0)
        # 10 is among the truth's hundred, but not among its ten.
        self.assertEqual(recall(list(range(1, 11)) + [-1] * 10, truth), 9 / 20)

    def test_wrong_number(self):
        with self.assertRaisesRegex(ValueError, "9 answers, 10 for each of 1"):
            recall([0] * 9, [frozenset(range(10))])
