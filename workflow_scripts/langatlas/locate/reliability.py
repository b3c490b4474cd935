"""How far the top parameters of a language depend on which text, and how much of it, was read. No torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import block_parameters
from langatlas.locate.selection import Taker, keys_of, thresholds
from langatlas.locate.similarity import compare
from langatlas.tensorfile import TensorFile

PARAMETERS = 500_000  # entries behind a rank correlation


def top_masks(path: str, names: Sequence[str], ratio: float) -> dict[str, np.ndarray]:
    """The top share of every matrix, flat masks."""
    file, masks = TensorFile(path, FORMAT), {}
    for name in names:
        keys = keys_of(np.abs(file[name]))
        (threshold,) = thresholds(lambda keys=keys: [keys], [(int(ratio * keys.size), True)])
        masks[name] = Taker(threshold).mask(keys)
    return masks


def compare_tops(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Jaccard index of two sets of masks over all matrices, and what chance gives for their sizes."""
    both = sum(int((a[name] & b[name]).sum()) for name in a)
    either = sum(int((a[name] | b[name]).sum()) for name in a)
    sizes = [(int(a[name].sum()), int(b[name].sum()), a[name].size) for name in a]
    chance = statistics.expected_jaccard(*(np.array(column) for column in zip(*sizes, strict=True)))
    return {"jaccard": both / either, "jaccard_by_chance": chance, "times_chance": both / either / chance}


def reliability(pairs: Sequence[tuple[str, str, str]], model_type: str, ratio: float) -> pd.DataFrame:
    """One row a pair of importance files (comparison, path, path): Jaccard of their top regions, and rank correlation."""
    first = TensorFile(pairs[0][1], FORMAT)
    names = [name for group in block_parameters(first.names, model_type, "matrix") for name in group]
    names = [name for name in names if len(first.shape(name)) == 2]
    masks: dict[str, dict[str, np.ndarray]] = {}
    rows = []
    for comparison, *paths in pairs:
        for path in paths:
            if path not in masks:
                masks[path] = top_masks(path, names, ratio)
        alike = compare(paths, model_type, PARAMETERS).iloc[0]
        languages = {key: alike[key] for key in ("language_a", "language_b")}
        overlap = compare_tops(*(masks[path] for path in paths))
        rows.append({"comparison": comparison, **languages, **overlap, "spearman": alike["spearman"]})
    return pd.DataFrame(rows)
