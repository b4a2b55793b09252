"""Recall of answers against exact ones, by row numbers."""

import array
import sys

from ann.settings import TRUTH_WIDTH

K = 10  # answers a query that are counted


def read_ids(path):
    """The int32 of a file, little-endian."""
    ids = array.array("i")
    with open(path, "rb") as f:
        ids.frombytes(f.read())
    if sys.byteorder == "big":
        ids.byteswap()
    return ids


def truth_sets(path):
    """The K nearest rows of each query, from a file with TRUTH_WIDTH of them."""
    ids = read_ids(path)
    return [frozenset(ids[i:i + K]) for i in range(0, len(ids), TRUTH_WIDTH)]


def recall(answers, truth):
    """The mean share of the truth that is among a query's K answers."""
    if len(answers) != K * len(truth):
        raise ValueError(f"{len(answers)} answers, {K} for each of {len(truth)} queries are wanted")
    hits = sum(len(t.intersection(answers[K * i:K * i + K])) for i, t in enumerate(truth))
    return hits / (K * len(truth))
