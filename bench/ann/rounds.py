"""Timing side by side: what is compared is asked in turn, round after round."""

import statistics

SLOW_PASS = 5.0  # times the seconds of a point: with slower passes only some of the queries are timed


class Rounds:
    """A worker's speed with one set of search parameters. queries: how many a pass
    has, 0 for all."""

    def __init__(self, worker, search, threads, queries=0):
        self.worker, self.search, self.queries = worker, search, queries
        self.rates = {t: [] for t in threads}
        self.cpu = []

    def time(self, seconds):
        """One round, of at least that many seconds for each number of threads."""
        for threads, rates in self.rates.items():
            got = self.worker.call("run", search=self.search, threads=threads, seconds=seconds, queries=self.queries)
            rates.append(got["queries"] / got["wall_s"])
            if threads == 1:
                self.cpu.append(1e6 * got["cpu_s"] / got["queries"])

    def medians(self):
        """Of the rounds, as points have them."""
        out = {}
        for threads, rates in self.rates.items():
            middle = statistics.median(rates)
            out[f"qps{threads}"] = middle
            out[f"spread{threads}"] = (max(rates) - min(rates)) / middle
        out["cpu_us_per_query"] = statistics.median(self.cpu)
        return out


def in_turn(things, number):
    """The things in the order of that round: each one begins with another."""
    at = number % len(things) if things else 0
    return things[at:] + things[:at]


def part(queries, pass_s, seconds):
    """How many queries a timed pass has: all, unless that takes far too long."""
    limit = SLOW_PASS * seconds
    return queries if pass_s <= limit else max(1, int(queries * limit / pass_s))
