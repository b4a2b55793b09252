"""One measure of one type and dimension, all kernels side by side."""

import math

import numpy as np

from . import memory
from .memory import GROUP
from .peers import Adjacent

BURST_NS = 150_000  # about how long a burst takes
COLD_BYTES = 1 << 20  # that a cold burst reads at least


class Contest:
    def __init__(self, mem, elem, measure, dim, entries):
        self.mem, self.elem, self.measure, self.dim, self.entries = mem, elem, measure, dim, entries
        self.size = memory.row_size(elem, dim)
        self.groups = memory.ROWS_BYTES // (self.size * GROUP)
        self.order = mem.rng.permutation(self.groups).astype(np.uint32) * GROUP
        self.next = 0

    def check(self):
        """Every kernel computes the same."""
        self.mem.at[:1] = 5 * GROUP
        q = self.mem.values(self.elem, self.dim)
        rows = [self.mem.values(self.elem, self.dim, 5 * GROUP + i) for i in range(GROUP)]
        for e in self.entries:
            e.burst(1, False, 1)
            got, seen = e.results(), [e.view(x) for x in rows]
            want = np.array([memory.exact(self.measure, q, x) for x in seen])
            # A product may be near zero; what was added up says how exact it can be.
            scale = np.array([float((abs(q) * abs(x)).sum()) for x in seen]) + np.where(np.isfinite(want), abs(want), 1)
            with np.errstate(invalid="ignore"):
                off = np.where(got == want, 0, abs(got - want)) / scale
            if not off.max() < 1e-4:
                i = int(off.argmax())
                raise RuntimeError(f"{e.name}: {self.elem} {self.measure} {self.dim}: row {i} is {got[i]}, not {want[i]}")

    def run(self, mode, rounds):
        """The least nanoseconds a row of each kernel over all rounds; each round has
        a burst of each, and begins with another one. Hot rows are other ones in each
        round, as their place decides how much of them the first cache keeps."""
        entries = [e for e in self.entries if mode != "scattered" or not isinstance(e, Adjacent)]
        best = {e.name: math.inf for e in entries}
        groups = 1 if mode == "hot" else max(4, COLD_BYTES // (self.size * GROUP))
        repeats = {e.name: self._repeats(e) if mode == "hot" else 1 for e in entries}
        for i in range(rounds):
            at = i % len(entries)
            hot = int(self.order[-1 - i % self.groups])
            for e in entries[at:] + entries[:at]:
                self._place(mode, groups, hot)
                if mode == "hot":
                    e.burst(1, False, 1)
                ns = e.burst(groups, mode == "scattered", repeats[e.name])
                best[e.name] = min(best[e.name], ns / (groups * GROUP * repeats[e.name]))
        return best

    def _repeats(self, entry):
        self._place("hot", 1)
        entry.burst(1, False, 1)
        return max(3, round(BURST_NS / max(entry.burst(1, False, 1), 1)))

    def _place(self, mode, groups, hot=0):
        if mode == "hot":
            self.mem.at[0] = hot
        elif mode == "cold":  # groups that were not read for long
            if self.next + groups > self.groups:
                self.next = 0
            self.mem.at[:groups] = self.order[self.next:self.next + groups]
            self.next += groups
        else:
            self.mem.at[:groups * GROUP] = self.mem.rng.integers(0, self.groups * GROUP, groups * GROUP, np.uint32)
