"""Pairing by item: what makes a sequence, question or sentence hard for one intervention makes it hard for another.

A *drawn* number has the value of all items first, and behind it that of every resample: (1 + R, ...). All series share the
resamples (``statistics.bootstrap_sums``), so that differences and ratios of drawn numbers are paired.

Axes: K series (interventions), S items, R resamples.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns


def by_item(
    rows: pd.DataFrame, series: str | Sequence[str], message: str, item: str = "sequence", value: str = "nll_nats"
) -> pd.DataFrame:
    """Value of every series on every item, items at the columns: the mean over seeds, or over rows that stand twice.

    Raises ValueError with ``message`` where a series lacks an item: nothing would be paired.
    """
    table = rows.pivot_table(index=series, columns=item, values=value, aggfunc="mean", observed=True)
    if table.isna().any(axis=None):
        raise ValueError(message)
    return table


def drawn_sums(values_KS: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Sums over items, drawn: (K, S) -> (1 + R, K). One item alone says nothing of others: its resamples are NaN."""
    sums = np.vstack([values_KS.sum(axis=1), statistics.bootstrap_sums(values_KS, resamples, seed)])
    if values_KS.shape[1] == 1:
        sums[1:] = np.nan
    return sums


def drawn_means(values_KS: np.ndarray, weights_S: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Sums of values / sum of weights, drawn: (K, S), (S,) -> (1 + R, K). NLL by tokens: logarithms of perplexities."""
    sums = drawn_sums(np.vstack([values_KS, weights_S]), resamples, seed)
    with np.errstate(invalid="ignore"):  # no item that was drawn has any weight
        return sums[:, :-1] / sums[:, -1:]


def interval(
    name: str, drawn: np.ndarray, finish: Callable[[np.ndarray], np.ndarray] = statistics.exp_or_inf
) -> dict[str, np.ndarray]:
    """The columns of a drawn number, (1 + R,) or (1 + R, K): its value and the ends of its 95 % interval.

    ``finish``: what is done to all three; by default they were logarithms. Resamples of (1 + R,) without a value are left out.
    """
    resampled = drawn[1:][~np.isnan(drawn[1:])] if drawn.ndim == 1 else drawn[1:]
    ends = statistics.percentile_interval(resampled) if len(resampled) else np.full(2, np.nan)
    return dict(zip(columns.with_interval(name), finish(np.stack([drawn[0], *ends])), strict=True))


def p_value(difference_S: np.ndarray, permutations: int, seed: int) -> float:
    """Sign-flip test of one series of differences."""
    return float(statistics.sign_flip_p_values(np.asarray(difference_S)[None], permutations, seed)[0])


def compared(
    ratio: str,
    p: str,
    difference_KS: np.ndarray,
    weights_S: np.ndarray,
    *,
    resamples: int,
    permutations: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Perplexity / that of the control, with its interval in the columns ``ratio``, and the sign-flip test in the column ``p``.

    ``difference_KS``: NLL minus that of the control. ``p`` empty: no test is made.
    """
    found = interval(ratio, drawn_means(difference_KS, weights_S, resamples, seed))
    return found | ({p: statistics.sign_flip_p_values(difference_KS, permutations, seed)} if p else {})


def holm(table: pd.DataFrame, within: Hashable | Sequence, p: str = "p_value") -> pd.Series:
    """A column of p-values adjusted for all tests of a group (Holm); an empty key is one of its own."""
    return table.groupby(within, dropna=False, sort=False)[p].transform(statistics.holm)
