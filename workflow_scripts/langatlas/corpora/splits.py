"""Deterministic, disjoint splits: the split of a record follows from its own content, never from its place."""

import hashlib
import math
from collections.abc import Mapping

from langatlas.corpora.records import SPLITS, Record


def check_fractions(fractions: Mapping[str, float], where: str) -> None:
    """Raise ValueError, naming ``where``, unless ``fractions`` maps known splits to numbers in [0, 1] that sum to 1."""
    if not isinstance(fractions, Mapping) or not fractions:
        raise ValueError(f"{where} must map splits to fractions, as {{pretrain: 0.9, locate: 0.1}}, got {fractions!r}")
    for split, fraction in fractions.items():
        if split not in SPLITS:
            raise ValueError(f"{where} names the split {split!r}; allowed are {', '.join(sorted(SPLITS))}")
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise ValueError(f"{where}.{split} must be a fraction in [0, 1], got {fraction!r}")
    total = math.fsum(fractions.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"{where} must sum to 1, but {dict(fractions)} sums to {total:g}; change one of the fractions")


def choose_split(key: str, fractions: Mapping[str, float], seed: int) -> str:
    """Split of ``key``: its blake2b hash with ``seed``, read as a position in [0, 1), falls into one of the fractions.

    The fractions stand side by side in the order of ``SPLITS``, whatever their order in the config, and a record never
    moves because other records come or go.
    """
    hashed = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    position = int.from_bytes(hashed, "big") / 2**64
    present = [split for split in SPLITS if fractions.get(split, 0) > 0]
    edge = 0.0
    for split in present:
        edge += fractions[split]
        if position < edge:
            return split
    return present[-1]  # the fractions sum to 1 only within rounding


def split_of(record: Record, normalised: str, fractions: Mapping[str, float], seed: int) -> str:
    """Split of a record: its own if its source chose one, else by hash of its parallel id or of its normalised text."""
    if record.split is not None:
        return record.split
    key = f"text\n{normalised}" if record.parallel_id is None else f"parallel\n{record.parallel_id}"
    return choose_split(key, fractions, seed)
