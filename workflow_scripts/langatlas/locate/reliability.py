"""How far the top parameters of a language depend on which text, and how much of it, was read. No torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from langatlas import statistics
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import block_parts
from langatlas.locate.selection import Taker, keys_of, thresholds
from langatlas.locate.similarity import sample
from langatlas.models.adapters import Part
from langatlas.region import pack
from langatlas.tensorfile import TensorFile

PARAMETERS = 500_000  # entries behind a rank correlation
COLUMNS = ["comparison", "language_a", "language_b", "jaccard", "jaccard_by_chance", "times_chance", "spearman"]


def top_bits(file: TensorFile, part: Part, ratio: float) -> np.ndarray:
    """The top share of one matrix as a packed mask."""
    keys = keys_of(np.abs(part.take(file[part.name])))
    (threshold,) = thresholds(lambda: [keys], [(int(ratio * keys.size), True)])
    return pack(Taker(threshold).mask(keys))


def compare_tops(counts: Sequence[tuple[int, int, int, int]]) -> dict[str, float]:
    """Jaccard index of two sets of masks over all matrices, and what chance gives for their sizes.

    ``counts``: of each matrix, how many the first, the second and both have, and its number of parameters.
    """
    a, b, both, sizes = (np.array(column) for column in zip(*counts, strict=True))
    jaccard = int(both.sum()) / int((a + b - both).sum())
    chance = statistics.expected_jaccard(a, b, sizes)
    return {"jaccard": jaccard, "jaccard_by_chance": chance, "times_chance": jaccard / chance}


def reliability(pairs: Sequence[tuple[str, str, str]], family: Mapping[str, str], ratio: float) -> pd.DataFrame:
    """One row a pair of importance files (comparison, path, path): Jaccard of their top regions, and rank correlation.

    ``family``: what the model's manifest says of it (``adapters.FAMILY``). Walks through all files side by side, so that
    memory is one matrix, a bit of it a file, and the sampled entries. No pairs: no rows.
    """
    if not pairs:  # one milestone, and no halves
        return pd.DataFrame(columns=COLUMNS)
    files = {path: TensorFile(path, FORMAT) for _, *paths in pairs for path in paths}
    first = next(iter(files.values()))
    groups = block_parts({name: first.shape(name) for name in first.names}, family, "matrix")
    counts: list[list[tuple[int, int, int, int]]] = [[] for _ in pairs]
    for part in (part for group in groups for part in group if len(part.shape) == 2):
        tops = {path: top_bits(file, part, ratio) for path, file in files.items()}
        for counted, (_, a, b) in zip(counts, pairs, strict=True):
            n_a, n_b, both = (
                int(np.bitwise_count(m).sum(dtype=np.int64)) for m in (tops[a], tops[b], tops[a] & tops[b])
            )
            counted.append((n_a, n_b, both, part.size))
    sampled = dict(zip(files, sample(list(files.values()), family["model_type"], PARAMETERS), strict=True))
    rows = []
    for (comparison, a, b), counted in zip(pairs, counts, strict=True):
        languages = {"language_a": files[a].metadata["language"], "language_b": files[b].metadata["language"]}
        spearman = float(np.corrcoef(rankdata(sampled[a]), rankdata(sampled[b]))[0, 1])
        rows.append({"comparison": comparison, **languages, **compare_tops(counted), "spearman": spearman})
    return pd.DataFrame(rows, columns=COLUMNS)
