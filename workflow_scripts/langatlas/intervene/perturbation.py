"""Edits of whole dimensions of the residual stream, and of single parameters (Zhang et al. 2024, 4.3). No torch.

Each chosen index has controls: random indices that get the same treatment.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from langatlas.intervene.edits import Change, Edit
from langatlas.intervene.lines import biases, cut
from langatlas.locate.selection import random_keys
from langatlas.models.adapters import AXES, dimension_of
from langatlas.provenance import check_made_from
from langatlas.region import Region

if TYPE_CHECKING:
    from langatlas.models.checkpoint import Manifest


def read_extremes(path: str, model_hash: str) -> pd.DataFrame:
    """What ``locate.outliers.residual_extremes`` found. Raises ValueError where it was found in another model."""
    table = pq.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    check_made_from(path, "activations", metadata, model_hash)
    return table.to_pandas()


def choose_dimensions(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Edit]:
    """Edits of the named dimensions, or of as many with the largest activations."""
    dimensions = entry["dimensions"]
    if isinstance(dimensions, int):
        dimensions = outlier_order(read_extremes(files["outliers"][0], manifest.hash))[:dimensions].tolist()
    yield from dimension_edits(_places(files, manifest), dimensions, entry["seeds"])


def choose_parameters(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Edit]:
    """Edits of the named parameters; index null is the dimension with the layer's largest activation."""
    places = _places(files, manifest)
    extremes = read_extremes(files["outliers"][0], manifest.hash) if "outliers" in files else None
    for place in entry["parameters"]:
        layer, index = place["layer"], place["index"]
        if index is None:
            index = int(outlier_order(extremes, layer)[0])
        yield from parameter_edits(places, layer, place["module"], index, entry["operations"], entry["seeds"])


def _places(files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Region:
    """Any region of the model, for its matrices."""
    (path,) = files["region"]
    region = Region.open(path)
    check_made_from(path, "a region", region.metadata, manifest.hash)
    return region


def outlier_order(extremes: pd.DataFrame, layer: int | None = None) -> np.ndarray:
    """Dimensions by their largest |activation| after any block (or after one), largest first; ties: lower index first.

    ``extremes``: columns layer, dimension, max_abs, as ``locate.outliers.residual_extremes`` gives them.
    """
    if layer is not None:
        extremes = extremes[extremes["layer"] == layer]
    largest = extremes.groupby("dimension")["max_abs"].max()
    return largest.index.to_numpy()[np.argsort(-largest.to_numpy(), kind="stable")]


def random_indices(seed: int, name: str, size: int, n: int, avoid: Sequence[int]) -> list[int]:
    """n random indices below ``size``, none of them in ``avoid``; the same for the same seed and name."""
    order = np.argsort(random_keys(seed, name, size), kind="stable")
    chosen = order[~np.isin(order, np.asarray(avoid, dtype=int))][:n]
    if len(chosen) < n:
        raise ValueError(f"there are not {n} indices below {size} beside {len(avoid)} to avoid")
    return chosen.tolist()


def dimension_edits(places: Region, dimensions: Sequence[int], seeds: Sequence[int]) -> Iterator[Edit]:
    """Each dimension, and all together, set to zero in every matrix (and bias) that reads or writes the residual stream.

    ``places``: any region of the model (for its matrices). Controls: as many random dimensions, once a seed.
    """
    found = [place for place in places.matrices() if "residual" in AXES[place.module]]
    bias_of = biases(places)
    width = found[0].shape[dimension_of(found[0].module, "residual")]
    for dimension in dimensions:
        if not 0 <= dimension < width:
            raise ValueError(f"dimension {dimension} is outside the residual stream of width {width}")
    groups = [[dimension] for dimension in dimensions] + ([list(dimensions)] if len(dimensions) > 1 else [])

    def zeroed(chosen: list[int], side: str, seed: int | None) -> Edit:
        changes = [change for place in found for change in cut(place, "residual", chosen, bias_of)]
        target = "dimensions " + ", ".join(map(str, chosen)) if len(chosen) > 1 else f"dimension {chosen[0]}"
        described = {
            "edit": "dimension",
            "setting": "all matrices",
            "target": target,
            "lines": len(chosen),
            "amount": 0.0,
        }
        return Edit({"side": side, "seed": seed, **described}, changes)

    for group in groups:
        yield zeroed(group, "top", None)
    for size in sorted({len(group) for group in groups}):
        for seed in seeds:
            yield zeroed(random_indices(seed, "dimensions", width, size, dimensions), "random", seed)


def parameter_edits(
    places: Region, layer: int, module: str, index: int, operations: Sequence[dict[str, float]], seeds: Sequence[int]
) -> Iterator[Edit]:
    """One entry of a vector (or one line of outputs of a matrix, without its bias) set or multiplied.

    ``operations``: e.g. [{"set": 1.0}, {"multiply": 10.0}]. Controls: one random index a seed.
    """
    parts = [part for part in places.parts() if part.kind == "weight"]
    found = [part for part in parts if (part.layer, part.module) == (layer, module)]
    if not found:
        modules = sorted({part.module for part in parts if part.layer == layer})
        raise ValueError(f"the model has no parameter of module {module!r} in layer {layer}; there are {modules}")
    (part,) = found
    size = part.shape[0]
    if not 0 <= index < size:
        raise ValueError(f"{part.name} has {size} entries of {module}, there is no index {index}")
    chosen = [("top", None, index)]
    chosen += [("random", seed, random_indices(seed, f"{layer} {module}", size, 1, [index])[0]) for seed in seeds]
    for operation in operations:
        ((kind, value),) = operation.items()
        for side, seed, where in chosen:
            described = {"edit": kind, "setting": f"layer {layer} {module}", "target": f"index {where}", "lines": 1}
            columns = {"side": side, "seed": seed, **described, "amount": float(value)}
            dimension, indices, _ = part.stored_lines(0, [where])
            yield Edit(columns, [Change(part.name, dimension, indices, kind, float(value))])
