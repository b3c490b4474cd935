"""Lines (rows and columns) of matrices that hold most of a region, and edits that remove them (Zhang et al. 2024, 4.2).

An axis is named by its meaning, not by how a matrix is stored: ``head`` (features of attention heads), ``residual``
(features of the residual stream), ``ffn`` (neurons of the feed-forward layer). The score of a line is the number of
the region's parameters in it. No torch.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from langatlas.intervene.edits import Change, Edit
from langatlas.locate.selection import random_keys
from langatlas.models.adapters import AXES, Parameter, adapter_for, dimension_of, locate_parameter
from langatlas.region import Region

SHARES = ("matrix", "layer", "global")
SIDES = ("top", "middle", "bottom")


def line_counts(region: Region, place: Parameter, axis: str) -> np.ndarray:
    """How many parameters of the region each line along ``axis`` of one matrix holds. Shape: (lines,)."""
    return region.mask(place.name).sum(axis=1 - dimension_of(place.module, axis), dtype=np.int64)


def matrices(region: Region) -> list[Parameter]:
    """The region's matrices of decoder blocks, in the model's order."""
    adapter = adapter_for(region.metadata["model_type"])
    places = [locate_parameter(name, adapter) for name in region.names]
    return [place for place in places if place and place.module in AXES and place.kind == "weight"]


def axis_totals(region: Region, axis: str) -> np.ndarray:
    """Counts of the region's parameters by line of an axis, summed over all matrices that have it.

    Raises ValueError where matrices disagree about the number of lines (as heads do with grouped-query attention).
    """
    counts = [line_counts(region, place, axis) for place in matrices(region) if axis in AXES[place.module]]
    if len({len(count) for count in counts}) > 1:
        raise ValueError(
            f"{region.path}: matrices differ in their number of {axis} lines: {sorted({*map(len, counts)})}"
        )
    return np.sum(counts, axis=0)


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
    for name, axes in settings.items():
        groups = _groups(region, axes, share)
        for n in lines:
            for side in sides:
                changes = [
                    Change(place.name, dimension_of(place.module, axes[place.module]), chosen)
                    for key, (places, counts) in groups.items()
                    for chosen in [choose(counts, n, side, key).tolist()]
                    for place in places
                ]
                yield Edit(_columns(region, side, f"{name}, shared by {share}", n), changes)


def _groups(region: Region, axes: Mapping[str, str], share: str) -> dict[str, tuple[list[Parameter], np.ndarray]]:
    """Matrices that lose the same lines, and the lines' counts, by a name."""
    groups: dict[str, tuple[list[Parameter], np.ndarray]] = {}
    for place in matrices(region):
        if place.module not in axes:
            continue
        counts = line_counts(region, place, axes[place.module])
        shared = f"{axes[place.module]} {len(counts)}"  # k and v may have fewer heads than q: then they share apart
        key = {"matrix": place.name, "layer": f"layer {place.layer} {shared}", "global": shared}[share]
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
