"""Lines (rows and columns) of matrices that hold most of a region, and edits that remove them (Zhang et al. 2024, 4.2).

An axis is named by its meaning, not by how a matrix is stored: ``head`` (features of attention heads), ``residual``
(features of the residual stream), ``ffn`` (neurons of the feed-forward layer). The score of a line is the number of
the region's parameters in it. Lines are those of the logical matrices, also where these are fused or transposed in their
stored tensors. A line of outputs takes its bias with it: what is removed gives 0, not the bias. No torch.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from langatlas.intervene.edits import Change, Edit
from langatlas.locate.selection import random_keys
from langatlas.models.adapters import AXES, Part, dimension_of
from langatlas.region import Region

SHARES = ("matrix", "layer", "global")
SIDES = ("top", "middle", "bottom")


Biases = Mapping[tuple[int, str], Part]


def biases(region: Region) -> Biases:
    """The biases of the region's matrices, by layer and module."""
    return {(part.layer, part.module): part for part in region.parts() if part.module in AXES and part.kind == "bias"}


def cut(place: Part, axis: str, lines: Sequence[int], bias_of: Biases) -> list[Change]:
    """Changes that set lines of a matrix to zero, and with a line of outputs the entry of its bias, where it has one."""
    dimension, bias = dimension_of(place.module, axis), bias_of.get((place.layer, place.module))
    changes = []
    for part in [place, bias] if bias and dimension == 0 else [place]:
        stored_dimension, indices, within = part.stored_lines(dimension, lines)
        changes.append(Change(part.name, stored_dimension, indices, within=within))
    return changes


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


def line_edits(
    region: Region,
    settings: Mapping[str, Mapping[str, str]],
    lines: Sequence[int],
    sides: Sequence[str],
    share: str,
) -> Iterator[Edit]:
    """Edits that set lines to zero: one for each setting, number of lines and side.

    ``settings``: name -> {module: axis}, e.g. {"attn.o": "head", "mlp.down": "residual"}. ``share``: whether each matrix
    has its own lines (``matrix``), or the counts of the setting's matrices with the same axis and number of lines are
    added within a layer (``layer``) or over all layers (``global``), and they lose the same lines.
    """
    if share not in SHARES:
        raise ValueError(f"share must be one of {', '.join(SHARES)}, got {share!r}")
    bias_of = biases(region)
    for name, axes in settings.items():
        groups = _groups(region, axes, share)
        for n in lines:
            for side in sides:
                changes = [
                    change
                    for key, (places, counts) in groups.items()
                    for chosen in [choose(counts, n, side, key).tolist()]
                    for place in places
                    for change in cut(place, axes[place.module], chosen, bias_of)
                ]
                yield Edit(_columns(region, side, f"{name}, shared by {share}", n), changes)


def _groups(region: Region, axes: Mapping[str, str], share: str) -> dict[str, tuple[list[Part], np.ndarray]]:
    """Matrices that lose the same lines, and the lines' counts, by a name."""
    groups: dict[str, tuple[list[Part], np.ndarray]] = {}
    for place in region.matrices():
        if place.module not in axes:
            continue
        counts = region.line_counts(place, axes[place.module])
        shared = f"{axes[place.module]} {len(counts)}"  # k and v may have fewer heads than q: then they share apart
        key = {"matrix": place.label, "layer": f"layer {place.layer} {shared}", "global": shared}[share]
        places, sums = groups.get(key, ([], np.zeros_like(counts)))
        groups[key] = ([*places, place], sums + counts)
    if missing := set(axes) - {place.module for places, _ in groups.values() for place in places}:
        raise ValueError(f"{region.path}: the region has no matrices {', '.join(sorted(missing))}")
    return groups


def _columns(region: Region, side: str, setting: str, lines: int) -> dict:
    found = region.metadata
    seeded = side.startswith("random-")
    return {
        "region": found["region"],
        "region_language": found.get("region_language") or None,
        "scope": found["scope"],
        "samples": int(found["samples"]),
        "ratio": float(found["ratio"]),
        "side": "random" if seeded else side,
        "seed": int(side.removeprefix("random-")) if seeded else None,
        "edit": "lines",
        "setting": setting,
        "lines": lines,
        "amount": 0.0,
    }
