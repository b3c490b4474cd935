"""Lines (rows and columns) of matrices that hold most of a region (Zhang et al. 2024, 4.2).

An axis is named by its meaning, not by how a matrix is stored: ``head`` (features of attention heads), ``residual``
(features of the residual stream), ``ffn`` (neurons of the feed-forward layer). The score of a line is the number of
the region's parameters in it. Lines are those of the logical matrices, also where these are fused or transposed in their
stored tensors. No torch.
"""

import numpy as np

from langatlas.locate.selection import random_keys

SIDES = ("top", "middle", "bottom")


def choose(counts: np.ndarray, n: int, side: str, seed_name: str = "") -> np.ndarray:
    """Indices of n lines, ascending: those with the highest counts (top), the lowest (bottom), the middle ranks, or random.

    Ties go to the lower index. ``side`` random-SEED draws by seed and ``seed_name``, nested in n. Raises ValueError where
    there are fewer than n lines.
    """
    if not 0 < n <= len(counts):
        raise ValueError(f"cannot choose {n} of {len(counts)} lines ({seed_name})")
    if side.startswith("random-"):
        order = np.argsort(
            random_keys(int(side.removeprefix("random-")), f"lines {seed_name}", len(counts)), kind="stable"
        )
        return np.sort(order[:n])
    if side not in SIDES:
        raise ValueError(f"side must be one of {', '.join(SIDES)} or random-SEED, got {side!r}")
    order = np.argsort(counts if side == "bottom" else -counts, kind="stable")
    start = (len(order) - n) // 2 if side == "middle" else 0
    return np.sort(order[start : start + n])
