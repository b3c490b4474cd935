"""Edits that remove lines of matrices: those that hold most, least, medium many or random parts of a region.

Zhang et al. 2024, 4.2. A line of outputs takes its bias with it: what is removed gives 0, not the bias. No torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from langatlas.intervene.edits import Change, Edit
from langatlas.locate.lines import choose as choose_lines
from langatlas.models.adapters import AXES, Part, dimension_of
from langatlas.provenance import check_made_from
from langatlas.region import Region

if TYPE_CHECKING:
    from langatlas.models.checkpoint import Manifest

SHARES = ("matrix", "layer", "global")
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


def choose(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Edit]:
    """Edits of every way of sharing lines. Raises ValueError for a region of another model."""
    (path,) = files["region"]
    region = Region.open(path)
    check_made_from(path, "a region", region.metadata, manifest.hash)
    for share in entry["share"]:
        yield from line_edits(region, entry["settings"], entry["lines"], entry["sides"], share)


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
                    for chosen in [choose_lines(counts, n, side, key).tolist()]
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
