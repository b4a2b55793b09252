"""What a comparison is asked to do, from the environment."""

import json
import os
from dataclasses import dataclass, field

METRICS = ("L2", "IP", "COSINE")
TRUTH_WIDTH = 100  # exact answers a query in the truth file


class SettingsError(Exception):
    """A variable is missing or wrong; the text names it, its value and what it may be."""


@dataclass
class Settings:
    base: str  # float32, row-major
    query: str  # float32, row-major
    truth: str  # int32, TRUTH_WIDTH a query
    dim: int
    metric: str
    out: str
    engines: list = field(default_factory=list)  # empty: all that are there
    grid: str = "full"
    rounds: int = 3
    seconds: float = 1.0  # of each timed point, at least
    huge: str = "auto"
    dump: str = ""
    params: dict = field(default_factory=dict)
    rows: int = 0
    queries: int = 0

    @classmethod
    def read(cls, env, truth=True):
        """Without truth none is asked for."""
        wanted = ("BASE", "QUERY", "TRUTH", "DIM", "METRIC", "OUT") if truth else ("BASE", "QUERY", "DIM", "METRIC", "OUT")
        missing = [k for k in wanted if not env.get(k)]
        if missing:
            raise SettingsError(f"not given: {' '.join(missing)}")
        s = cls(
            base=env["BASE"], query=env["QUERY"], truth=env["TRUTH"] if truth else "",
            dim=number(env, "DIM", int, 0, 1), metric=choice(env, "METRIC", METRICS, "L2"), out=env["OUT"],
            engines=[e for e in env.get("ENGINES", "").replace(",", " ").split() if e != "all"],
            grid=choice(env, "GRID", ("full", "small"), "full"),
            rounds=number(env, "ROUNDS", int, 3, 1),
            seconds=number(env, "SECONDS", float, 1.0, 0),
            huge=choice(env, "HUGE", ("auto", "0", "1"), "auto"),
            dump=env.get("DUMP", ""), params=parameters(env.get("PARAMS", "")),
        )
        s.measure()
        return s

    def measure(self):
        """Counts the rows of the files, which have to fit each other."""
        self.rows = whole_rows("BASE", self.base, self.dim)
        self.queries = whole_rows("QUERY", self.query, self.dim)
        if not self.truth:
            return
        answered = whole_rows("TRUTH", self.truth, TRUTH_WIDTH)
        if answered != self.queries:
            raise SettingsError(
                f"TRUTH {self.truth} answers {answered} queries with {TRUTH_WIDTH} each, QUERY has {self.queries}")


def whole_rows(name, path, width):
    size = os.path.getsize(path)
    if size == 0 or size % (4 * width):
        raise SettingsError(f"{name} {path}: {size} bytes are not rows of {width} values of 4 bytes")
    return size // (4 * width)


def number(env, name, kind, default, low):
    text = env.get(name) or str(default)
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not value >= low:
        raise SettingsError(f"{name} is {text!r}, a number of at least {low} is wanted")
    return value


def choice(env, name, allowed, default):
    value = env.get(name) or default
    for a in allowed:
        if value.lower() == a.lower():
            return a
    raise SettingsError(f"{name} is {value!r}, one of {', '.join(allowed)} is wanted")


def parameters(text):
    """PARAMS: {engine: {"builds": [{...}], "ladders": [[{...}, ...], ...]}}."""
    if not text:
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as e:
        raise SettingsError(f"PARAMS is not JSON: {e}") from e
    if not isinstance(value, dict) or any(
            not isinstance(g, dict) or set(g) != {"builds", "ladders"} for g in value.values()):
        raise SettingsError('PARAMS is {engine: {"builds": [{...}], "ladders": [[{...}]]}}')
    return value
