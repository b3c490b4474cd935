"""Exact top-n and bottom-n of a very large set of scores that is read in pieces, for many n at once.

A float32 >= 0, read as an unsigned integer, keeps its order. So the n-th largest score is found by counting: one pass
counts the upper 16 bits of every score (65,536 bins), a second the lower 16 bits of the scores in the few bins where a
threshold falls. Two passes give the exact thresholds for all ratios and both sides; memory is one matrix and the bins,
whether the scores are those of one matrix or of a whole model.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

BINS = 1 << 16
CHUNK = 1 << 18  # elements counted at a time: the temporaries stay in the cache


@dataclass(frozen=True)
class Threshold:
    """Take every key beyond ``key``, and the first ``ties`` (in flat order) of those equal to it. ``n`` in all."""

    key: int
    ties: int
    n: int
    largest: bool


def keys_of(scores: np.ndarray) -> np.ndarray:
    """Float32 scores >= 0 -> uint32 keys in the same order (no copy). Raises ValueError for NaN or negative scores."""
    keys = np.ascontiguousarray(scores, np.float32).reshape(-1).view(np.uint32)
    if keys.size and keys.max() > 0x7F800000:  # sign bit set, or beyond infinity
        raise ValueError("scores hold NaN or negative values: importance must be a finite absolute value")
    return keys


def thresholds(pieces: Callable[[], Iterable[np.ndarray]], requests: Iterable[tuple[int, bool]]) -> list[Threshold]:
    """Thresholds for each request (n, largest) over all keys that ``pieces()`` yields; it is called twice.

    Ties are broken by flat index: of equal keys those that come first are taken, on both sides.
    """
    requests = list(requests)
    upper = np.zeros(BINS, np.int64)
    for keys in pieces():
        upper += _count(keys)
    total = int(upper.sum())
    for n, _ in requests:
        if not 0 <= n <= total:
            raise ValueError(f"cannot select {n} of {total} parameters")
    # position (0-based, ascending) of the last key that each request takes
    wanted = [total - n if largest else n - 1 for n, largest in requests]
    ends = np.cumsum(upper)
    bins = [
        int(np.searchsorted(ends, position, side="right")) if n else 0
        for position, (n, _) in zip(wanted, requests, strict=True)
    ]
    looked_at = sorted(set(bins))
    lower = np.zeros((len(looked_at), BINS), np.int64)
    for keys in pieces():
        _count_within(keys, looked_at, lower)
    return [
        _threshold(request, position, b, ends, upper, lower[looked_at.index(b)])
        for request, position, b in zip(requests, wanted, bins, strict=True)
    ]


def _threshold(request, position: int, b: int, ends, upper, lower) -> Threshold:
    n, largest = request
    if n == 0:
        return Threshold(0xFFFFFFFF if largest else 0, 0, 0, largest)
    inside = np.cumsum(lower) + (ends[b] - upper[b])  # keys <= (b, low), over everything
    low = int(np.searchsorted(inside, position, side="right"))
    below = int(inside[low] - lower[low])
    beyond = int(ends[-1] - inside[low]) if largest else below
    key, ties = (b << 16) | low, n - beyond
    if ties == lower[low] and (key or not largest):
        # All that are equal are taken, as nearly always: then no mask has to look for them.
        return Threshold(key - 1 if largest else key + 1, 0, n, largest)
    return Threshold(key, ties, n, largest)


def _count(keys: np.ndarray) -> np.ndarray:
    counts = np.zeros(BINS, np.int64)
    for start in range(0, keys.size, CHUNK):
        counts += np.bincount((keys[start : start + CHUNK] >> 16).astype(np.intp), minlength=BINS)
    return counts


def _count_within(keys: np.ndarray, bins: Sequence[int], counts: np.ndarray) -> None:
    """Add to ``counts`` (bins, BINS) how often each value of the lower 16 bits occurs among the keys of each bin."""
    first = np.full(BINS, -1, np.int32)  # place in the flat counts where a bin begins
    first[list(bins)] = np.arange(len(bins)) * BINS
    flat = counts.reshape(-1)
    for start in range(0, keys.size, CHUNK):
        chunk = keys[start : start + CHUNK]
        begins = first[chunk >> 16]
        inside = np.flatnonzero(begins >= 0)
        np.add.at(flat, begins[inside] + (chunk[inside] & 0xFFFF).astype(np.int32), 1)


class Taker:
    """Turn a threshold into masks, piece by piece in flat order (ties are counted across pieces)."""

    def __init__(self, threshold: Threshold):
        self.threshold = threshold
        self._ties_left = threshold.ties

    def mask(self, keys: np.ndarray) -> np.ndarray:
        """Bool mask over one piece of keys."""
        if not self.threshold.n:
            return np.zeros(keys.shape, bool)
        taken = keys > self.threshold.key if self.threshold.largest else keys < self.threshold.key
        if self._ties_left:
            tied = np.flatnonzero(keys == self.threshold.key)[: self._ties_left]
            taken[tied] = True
            self._ties_left -= tied.size
        return taken


def random_keys(seed: int, name: str, size: int) -> np.ndarray:
    """Uniform random uint32 keys for one tensor; the same for the same seed and name on every machine.

    The n largest keys are a uniform random n-subset (up to ties of 32-bit keys), and subsets of growing n are nested.
    """
    digest = np.frombuffer(name.encode(), np.uint8)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *map(int, digest)])))
    return generator.integers(0, 1 << 32, size, dtype=np.uint32)
