"""Language-specific neurons: chosen by LAPE, or by average precision.

LAPE (Tang et al. 2024, arXiv 2402.16438): p[l, f, k] is the share of tokens of language k on which neuron f of layer l is
active; the entropy of p over languages is small where few languages use the neuron. Average precision (Kojima et al. 2024,
arXiv 2404.02431): how well the neuron's mean activation in a text tells texts of a language from all others.

Axes: K languages, L layers, F neurons of a layer, N = L * F, S sequences of all languages. Numpy only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from langatlas.neuron_files import COLUMNS

METHODS = ("lape", "precision")


def entropy(probabilities_KLF: np.ndarray) -> np.ndarray:
    """Entropy over languages in nats (L, F) of activation probabilities; 0 for a neuron that is never active, as published."""
    totals = probabilities_KLF.sum(0)
    shares = np.divide(probabilities_KLF, totals, out=np.zeros_like(probabilities_KLF), where=totals > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(0)


def kth_smallest(values: np.ndarray, share: float) -> float:
    """The value of rank round(share * size), from 1, as ``torch.kthvalue`` gives it in the released code."""
    rank = round(values.size * share)
    if not 1 <= rank <= values.size:
        raise ValueError(f"a share of {share} of {values.size} values is rank {rank}; it must be at least 1")
    return float(np.partition(values.reshape(-1), rank - 1)[rank - 1])


@dataclass(frozen=True)
class LapeSettings:
    """``filter``: a neuron must be above this percentile of all probabilities in some language; ``rate``: share of the
    neurons that is taken; ``bar``: it belongs to every language in which it is above this percentile.
    """

    filter: float = 0.95
    rate: float = 0.01
    bar: float = 0.95


def lape(probabilities_KLF: np.ndarray, languages: Sequence[str], settings: LapeSettings) -> pd.DataFrame:
    """One row a (language, neuron) with COLUMNS: score is the entropy, side top. A neuron may belong to several languages.

    As published: the percentiles are over all neurons and languages together, comparisons are strict, the round(rate * N)
    neurons of lowest entropy are taken. Neurons of equal entropy are taken by layer and index, where the published order is
    left to topk; a neuron above the percentile in no language is never taken, so there may be fewer.
    """
    scores_LF = entropy(probabilities_KLF)
    threshold = kth_smallest(probabilities_KLF, settings.filter)
    scores_LF[~(probabilities_KLF > threshold).any(0)] = np.inf
    flat = scores_LF.reshape(-1)
    chosen = np.argsort(flat, kind="stable")[: round(settings.rate * flat.size)]
    chosen = chosen[np.isfinite(flat[chosen])]
    probabilities_KN = probabilities_KLF.reshape(len(languages), -1)
    bar = kth_smallest(probabilities_KLF, settings.bar)
    tables = []
    for label, values_N in zip(languages, probabilities_KN, strict=True):
        own = np.sort(chosen[values_N[chosen] > bar])
        tables.append(_rows("lape", label, "top", own, flat[own], values_N[own], scores_LF.shape))
    return pd.concat(tables, ignore_index=True)


def average_precision(scores_SF: np.ndarray, positive_S: np.ndarray) -> np.ndarray:
    """Average precision (F,) of each column of scores for telling the positive rows: sum over thresholds of (recall gained)
    * precision. Equal scores share a threshold, so the order of ties does not matter.
    """
    order_SF = np.argsort(-scores_SF, axis=0, kind="stable")
    sorted_SF = np.take_along_axis(scores_SF, order_SF, 0)
    labels_SF = positive_S[order_SF]
    rank_S1 = np.arange(1, len(positive_S) + 1)[:, None]
    precision_SF = np.cumsum(labels_SF, axis=0) / rank_S1
    is_last_SF = np.ones_like(labels_SF, dtype=bool)
    is_last_SF[:-1] = sorted_SF[:-1] != sorted_SF[1:]
    # the place at which a score's run of equal scores ends: the smallest marked place from here on
    ends_SF = np.where(is_last_SF, rank_S1 - 1, len(positive_S))
    ends_SF = np.minimum.accumulate(ends_SF[::-1], axis=0)[::-1]
    return (labels_SF * np.take_along_axis(precision_SF, ends_SF, 0)).sum(0) / positive_S.sum()


def precisions(means_by_language: Sequence[np.ndarray]) -> np.ndarray:
    """Average precision (K, F) of the neurons of one layer, from each language's sequence means (S_k, F).

    As in the paper, as many texts of every language: the smallest number that there is.
    """
    count = min(map(len, means_by_language))
    scores_SF = np.concatenate([means[:count] for means in means_by_language])
    language_S = np.repeat(np.arange(len(means_by_language)), count)
    return np.stack([average_precision(scores_SF, language_S == k) for k in range(len(means_by_language))])


def by_precision(
    precision_KLF: np.ndarray, probabilities_KLF: np.ndarray, languages: Sequence[str], count: int
) -> pd.DataFrame:
    """One row a (language, neuron) with COLUMNS: the ``count`` neurons of highest (side top) and of lowest (bottom) average
    precision; equal ones by layer and index. High: active in this language alone; low: in all others.
    """
    shape = precision_KLF.shape[1:]
    if 2 * count > shape[0] * shape[1]:
        raise ValueError(f"{count} neurons from the top and as many from the bottom of {shape[0] * shape[1]} overlap")
    tables = []
    for label, scores_LF, values_LF in zip(languages, precision_KLF, probabilities_KLF, strict=True):
        flat, values = scores_LF.reshape(-1), values_LF.reshape(-1)
        for side, order in (("top", np.argsort(-flat, kind="stable")), ("bottom", np.argsort(flat, kind="stable"))):
            own = np.sort(order[:count])
            tables.append(_rows("precision", label, side, own, flat[own], values[own], shape))
    return pd.concat(tables, ignore_index=True)


def _rows(method: str, language: str, side: str, places_n, score_n, probability_n, shape) -> pd.DataFrame:
    """Rows of one language's neurons; ``places_n``: ascending indices into (L, F) laid flat."""
    layer, neuron = np.unravel_index(places_n, shape)
    values = [method, language, side, layer, neuron, score_n, probability_n]
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))
