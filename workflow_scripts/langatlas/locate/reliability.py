"""How far the top parameters of a language depend on which text, and how much of it, was read. No torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import block_parts
from langatlas.locate.selection import Taker, keys_of, thresholds
from langatlas.locate.similarity import compare
from langatlas.models.adapters import Part
from langatlas.tensorfile import TensorFile

PARAMETERS = 500_000  # entries behind a rank correlation


def top_masks(path: str, parts: Sequence[Part], ratio: float) -> dict[str, np.ndarray]:
    """The top share of every matrix, flat masks."""
    file, masks = TensorFile(path, FORMAT), {}
    for part in parts:
        keys = keys_of(np.abs(part.take(file[part.name])))
        (threshold,) = thresholds(lambda keys=keys: [keys], [(int(ratio * keys.size), True)])
        masks[part.label] = Taker(threshold).mask(keys)
    return masks


def compare_tops(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Jaccard index of two sets of masks over all matrices, and what chance gives for their sizes."""
    both = sum(int((a[name] & b[name]).sum()) for name in a)
    either = sum(int((a[name] | b[name]).sum()) for name in a)
    sizes = [(int(a[name].sum()), int(b[name].sum()), a[name].size) for name in a]
    chance = statistics.expected_jaccard(*(np.array(column) for column in zip(*sizes, strict=True)))
    return {"jaccard": both / either, "jaccard_by_chance": chance, "times_chance": both / either / chance}


def reliability(pairs: Sequence[tuple[str, str, str]], family: Mapping[str, str], ratio: float) -> pd.DataFrame:
    """One row a pair of importance files (comparison, path, path): Jaccard of their top regions, and rank correlation.

    ``family``: what the model's manifest says of it (``adapters.FAMILY``).
    """
    first = TensorFile(pairs[0][1], FORMAT)
    groups = block_parts({name: first.shape(name) for name in first.names}, family, "matrix")
    parts = [part for group in groups for part in group if len(part.shape) == 2]
    masks: dict[str, dict[str, np.ndarray]] = {}
    rows = []
    for comparison, *paths in pairs:
        for path in paths:
            if path not in masks:
                masks[path] = top_masks(path, parts, ratio)
        alike = compare(paths, family["model_type"], PARAMETERS).iloc[0]
        languages = {key: alike[key] for key in ("language_a", "language_b")}
        overlap = compare_tops(*(masks[path] for path in paths))
        rows.append({"comparison": comparison, **languages, **overlap, "spearman": alike["spearman"]})
    return pd.DataFrame(rows)
