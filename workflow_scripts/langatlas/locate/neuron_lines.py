"""The parameters of a neuron: its line in every feed-forward matrix, and how much of a region or an importance lies there.

Neuron f of a layer owns row f of gate and up (with the entry of their biases, as where lines are cut) and column f of down.
Which lines these are in the stored tensors the adapters know, also where they are fused or transposed. Numpy only.

Axes: L layers, F neurons of a layer.
"""

from collections.abc import Iterable

import numpy as np

from langatlas.locate.importance_files import FORMAT as IMPORTANCE
from langatlas.models.adapters import AXES, Part, dimension_of
from langatlas.region import Region
from langatlas.tensorfile import TensorFile

AXIS = "ffn"


def neuron_parts(parts: Iterable[Part]) -> list[Part]:
    """Those parts that have a line for every neuron: matrices, and biases of the outputs that neurons are."""
    lined = [part for part in parts if AXIS in AXES.get(part.module, ())]
    return [part for part in lined if part.kind == "weight" or dimension_of(part.module, AXIS) == 0]


def by_neuron(part: Part, values: np.ndarray) -> np.ndarray:
    """Sums (F,) over the lines of a matrix (out, in), or the entries of a bias; counts of a mask, else float64."""
    exact = np.int64 if values.dtype == bool else np.float64
    return (
        values.sum(axis=1 - dimension_of(part.module, AXIS), dtype=exact) if values.ndim == 2 else values.astype(exact)
    )


def line_mask(part: Part, chosen_F: np.ndarray) -> np.ndarray:
    """Mask of the chosen neurons' lines in one part, in the order as stored (for ``RegionWriter.write_part``)."""
    mask = np.zeros(part.shape, bool)
    np.moveaxis(mask, dimension_of(part.module, AXIS) if mask.ndim == 2 else 0, 0)[chosen_F] = True
    return mask.T if mask.ndim == 2 and part.out == 1 else mask


def shape_of(parts: Iterable[Part]) -> tuple[int, int]:
    """(layers, neurons of a layer). Raises ValueError where there is no feed-forward matrix, or layers differ."""
    lined = [part for part in neuron_parts(parts) if part.kind == "weight"]
    widths = {part.shape[dimension_of(part.module, AXIS)] for part in lined}
    if len(widths) != 1:
        raise ValueError(f"feed-forward layers must have one number of neurons, found {sorted(widths) or 'none'}")
    return 1 + max(part.layer for part in lined), widths.pop()


def parameters_of_a_neuron(parts: Iterable[Part]) -> int:
    """How many parameters a neuron has; the same in every layer of the families that adapters know."""
    lined = neuron_parts(parts)
    layers, width = shape_of(lined)
    return sum(part.size for part in lined) // (layers * width)


def region_counts(region: Region) -> dict[str, np.ndarray]:
    """Module -> how many of the region's parameters lie in the lines of each neuron (L, F); biases count with their module."""
    parts = neuron_parts(region.parts())
    counts: dict[str, np.ndarray] = {}
    for part in parts:
        counts.setdefault(part.module, np.zeros(shape_of(parts), np.int64))
        counts[part.module][part.layer] += by_neuron(part, region.part_mask(part))
    return counts


def importance_of_neurons(path: str, region: Region) -> np.ndarray:
    """Sum of |importance| over the lines of each neuron, (L, F) float64; ``region``: any of the same model, to name the parts.

    Raises ValueError where the two are of different models.
    """
    scores = TensorFile(path, IMPORTANCE)
    check_same_model(scores, region)
    parts = neuron_parts(region.parts())
    total_LF = np.zeros(shape_of(parts))
    for part in parts:
        total_LF[part.layer] += by_neuron(part, np.abs(part.of(scores[part.name])))
    return total_LF


def check_same_model(scores: TensorFile, region: Region) -> None:
    """Raises ValueError when importance and region are of different models."""
    if scores.metadata["model_hash"] != region.metadata["model_hash"]:
        raise ValueError(f"{scores.path} and {region.path} are of different models")
