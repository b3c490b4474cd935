"""Benchmarks compare with a baseline in the same run, turn by turn, and quote the median of the ratios: machines are noisy."""

import statistics
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

import pytest
import torch

import machine


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ratio``: at least ``must`` where something must be reached."""

    part: str
    ours: float
    baseline: float
    unit: str
    ratio: float
    must: str
    limit: str


HEAD = Row("part", "ours", "baseline", "unit", "ratio", "must reach", "limit it runs against")
ROWS: list[Row] = []


def seconds(call: Callable) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As the jobs of the default workflow run."""
    torch.set_num_threads(1)


@pytest.fixture
def compare():
    """``compare(part, ours, baseline)``: seconds of the baseline / seconds of ours, median of ``rounds`` turns; reported.

    ``flop`` and ``moved`` (bytes): what ours must compute and move, for the limit.
    """

    def measure(
        part: str, ours: Callable, baseline: Callable, *, at_least: float, rounds: int = 5, flop=0.0, moved=0.0, note=""
    ) -> float:
        ours(), baseline()  # the first call of each pays for memory and caches
        pairs = [(seconds(ours), seconds(baseline)) for _ in range(rounds)]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        # Of each turn: while a run goes on, the machine as a whole becomes slower and faster.
        ratio = statistics.median(its / our for our, its in pairs)
        against = note or machine.limit(mine, flop, moved)
        ROWS.append(Row(part, mine, theirs, "s", ratio, f">= {at_least:g}", against))
        return ratio

    return measure


@pytest.fixture
def record():
    """``record(part, ours, baseline, unit, must, limit)``: report two figures that were taken otherwise.

    The ratio, unless it is given, is baseline / ours, or, where more is better, ours / baseline.
    """

    def add(
        part: str, ours: float, baseline: float, unit: str, must="", limit="", *, more_is_better=False, ratio=None
    ) -> float:
        if ratio is None:
            ratio = ours / baseline if more_is_better else baseline / ours
        ROWS.append(Row(part, ours, baseline, unit, ratio, must, limit))
        return ratio

    return add


def cells(row: Row) -> list[str]:
    return [value if isinstance(value, str) else "" if value != value else f"{value:.4g}" for value in astuple(row)]


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    at = machine.peaks()
    terminalreporter.section("benchmarks")
    terminalreporter.line(
        f"one thread reaches {at.flops / 1e9:.1f} GFLOP/s (product of float32 matrices) and {at.bandwidth / 1e9:.1f} GB/s (copy)"
    )
    table = [cells(HEAD), *map(cells, ROWS)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        texts = [
            cell.rjust(width) if 0 < place < 5 and place != 3 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        terminalreporter.line("  ".join(texts).rstrip())
