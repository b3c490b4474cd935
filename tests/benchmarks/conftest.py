"""Benchmarks compare with a baseline in the same run, turn by turn, and quote the ratio of medians: machines are noisy."""

import statistics
import time
from collections.abc import Callable

import pytest

ROWS: list[tuple[str, float, float, float, str]] = []


def seconds(call: Callable) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@pytest.fixture
def faster(request):
    """``faster(ours, baseline)``: seconds of the baseline / seconds of ours, medians of ``rounds`` turns; reported."""

    def compare(ours: Callable, baseline: Callable, *, at_least: float, rounds: int = 5) -> float:
        ours(), baseline()  # the first call of each pays for memory and caches
        pairs = [(seconds(ours), seconds(baseline)) for _ in range(rounds)]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ROWS.append((request.node.name, mine, theirs, theirs / mine, f">= {at_least}"))
        return theirs / mine

    return compare


@pytest.fixture
def record(request):
    """``record(ours, baseline, target)``: report two figures that were taken otherwise."""

    def add(ours: float, baseline: float, target: str) -> None:
        ROWS.append((request.node.name, ours, baseline, baseline / ours, target))

    return add


def pytest_terminal_summary(terminalreporter):
    if ROWS:
        terminalreporter.section("benchmarks (ratio: baseline / ours)")
        width = max(len(row[0]) for row in ROWS)
        terminalreporter.line(f"{'':{width}} {'ours':>10} {'baseline':>10} {'ratio':>8}  must reach")
        for name, ours, baseline, ratio, target in ROWS:
            terminalreporter.line(f"{name:{width}} {ours:10.4g} {baseline:10.4g} {ratio:8.3g}  {target}")
