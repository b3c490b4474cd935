"""Whether a region is a region: do its parameters lie together in a matrix, or in few of its lines? No torch.

Moran's I (Moran 1950) with rook neighbours: the correlation of each element of the mask with its four neighbours in the
matrix as stored. Neighbouring lines of a weight matrix have no meaning of their own (but for rows of one attention head), so
the second question matters more: the Gini coefficient of the number of selected parameters by line of each axis.
Both against a null: the same number of parameters anywhere in the matrix.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import norm

from langatlas.locate.overlap import described
from langatlas.models.adapters import AXES
from langatlas.region import Region

DRAWS = 300  # of each null: its standard deviation is then known to 4 %, and p down to 1/301


def morans_i(mask: np.ndarray) -> float:
    """Moran's I of a 2-D bool mask with rook neighbours; NaN where all elements are equal.

    From counts alone, so that no array of numbers is made: with share p, the sum over pairs of (a - p)(b - p) is
    (pairs with both) - p * (members of pairs) + p^2 * (pairs), and the sum of squares n * p * (1 - p).
    """
    selected, size = int(mask.sum()), mask.size
    if selected in (0, size):
        return float("nan")
    share = selected / size
    both = int((mask[1:] & mask[:-1]).sum()) + int((mask[:, 1:] & mask[:, :-1]).sum())
    edges = [mask[0], mask[-1], mask[:, 0], mask[:, -1]]  # each lacks a neighbour
    members = 4 * selected - sum(int(edge.sum()) for edge in edges)
    n_pairs = size * 2 - mask.shape[0] - mask.shape[1]
    pairs = both - share * members + share**2 * n_pairs
    return size / n_pairs * pairs / (size * share * (1 - share))


def morans_null(mask: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of Moran's I when the mask's elements are permuted: exact moments (Cliff & Ord 1981, ch. 2)."""
    rows, cols = mask.shape
    n = mask.size
    s0 = 2.0 * (2 * n - rows - cols)  # sum of weights, each pair in both directions
    s1 = 2.0 * s0
    # sum over elements of (2 * number of neighbours)^2: inner 4, edges 3, corners 2 (fewer in a single line)
    above, beside = _neighbours(rows), _neighbours(cols)
    s2 = float(sum(a * b * (2 * (i + j)) ** 2 for i, a in enumerate(above) for j, b in enumerate(beside)))
    share = mask.mean()
    kurtosis = (share**3 + (1 - share) ** 3) / (share * (1 - share))  # n * sum of 4th powers / (sum of squares)^2
    mean = -1 / (n - 1)
    first = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    variance = (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - mean**2
    return mean, float(np.sqrt(variance))


def _neighbours(length: int) -> tuple[int, int, int]:
    """How many places in a line of this length have 0, 1 and 2 neighbours."""
    return (1, 0, 0) if length == 1 else (0, 2, length - 2)


def gini(counts: np.ndarray) -> np.ndarray:
    """Gini coefficient over the last axis: 0 all lines hold the same, near 1 one line holds all. NaN where all are 0."""
    ordered = np.sort(counts, axis=-1).astype(np.float64)
    n = counts.shape[-1]
    ranks = 2 * np.arange(1, n + 1) - n - 1
    total = ordered.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ordered * ranks).sum(-1) / (n * total)


@lru_cache(maxsize=256)
def gini_null(n_lines: int, line_size: int, n_selected: int, draws: int, seed: int) -> np.ndarray:
    """Gini coefficients of random masks of the same size: lines are drawn without replacement (multivariate hypergeometric).

    Kept: matrices of one shape share it in a region with the same number in each, and so do both axes of a square one.
    """
    generator = np.random.default_rng(seed)
    counts = generator.multivariate_hypergeometric([line_size] * n_lines, n_selected, size=draws, method="marginals")
    return gini(counts)


def concentration(region: Region, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """One row a matrix and measure (moran, gini-head, gini-residual, gini-ffn): value, null_mean, null_sd, z, null_p_value.

    p: one-sided, as concentrated or more by chance; for Moran's I by the normal law, for Gini by draws (never 0).
    """
    rows = []
    for place in region.matrices():
        mask = region.part_mask(place)
        selected = int(mask.sum())
        common = {**described(region), "parameter": place.name, "layer": place.layer, "module": place.module}
        if not 0 < selected < mask.size:
            continue
        mean, sd = morans_null(mask)
        value = morans_i(mask)
        z = (value - mean) / sd
        rows.append(common | _measured("moran", value, mean, sd, z, float(norm.sf(z))))
        for axis in AXES[place.module]:
            counts = region.line_counts(place, axis)
            null = gini_null(len(counts), mask.size // len(counts), selected, draws, seed)
            value = float(gini(counts))
            sd = float(null.std(ddof=1))
            p = (1 + int((null >= value).sum())) / (1 + draws)
            rows.append(
                common | _measured(f"gini-{axis}", value, float(null.mean()), sd, (value - null.mean()) / sd, p)
            )
    return pd.DataFrame(rows)


def _measured(measure: str, value: float, mean: float, sd: float, z: float, p: float) -> dict:
    return {"measure": measure, "statistic": value, "null_mean": mean, "null_sd": sd, "z": float(z), "null_p_value": p}
