"""How alike the importances of two languages are, over a fixed sample of the parameters of decoder blocks. No torch."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from langatlas.locate.importance_files import FORMAT
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.tensorfile import TensorFile

SEED = 1
COLUMNS = ["language_a", "language_b", "spearman", "cosine", "n_parameters"]


def compare(paths: Sequence[str], model_type: str, parameters: int) -> pd.DataFrame:
    """Rank correlation (Spearman) and cosine of |importance| for every pair of languages.

    Taken over about ``parameters`` matrix entries, every matrix by its share, the same entries for all languages.
    Spearman looks at the order of all parameters; the cosine at the few largest. One language: no rows of the same columns.
    """
    files = [TensorFile(path, FORMAT) for path in paths]
    sampled = sample(files, model_type, parameters)
    ranks = [rankdata(values) for values in sampled]
    rows = []
    for a, b in combinations(range(len(files)), 2):
        languages = {"language_a": files[a].metadata["language"], "language_b": files[b].metadata["language"]}
        cosine = float(sampled[a] @ sampled[b] / np.linalg.norm(sampled[a]) / np.linalg.norm(sampled[b]))
        rank = {"spearman": float(np.corrcoef(ranks[a], ranks[b])[0, 1])}
        rows.append(languages | rank | {"cosine": cosine, "n_parameters": len(sampled[a])})
    return pd.DataFrame(rows, columns=COLUMNS)


def sample(files: Sequence[TensorFile], model_type: str, parameters: int) -> list[np.ndarray]:
    """|importance| at about ``parameters`` matrix entries of decoder blocks, the same for all files; a tensor at a time."""
    adapter = adapter_for(model_type)
    names = [n for n in files[0].names if (place := locate_parameter(n, adapter)) and not place.is_norm]
    sizes = {name: int(np.prod(files[0].shape(name), dtype=np.int64)) for name in names}
    share = min(1.0, parameters / sum(sizes.values()))
    generator = np.random.default_rng(SEED)
    places = {n: np.sort(generator.choice(s, max(1, int(share * s)), replace=False)) for n, s in sizes.items()}
    return [np.concatenate([np.abs(file[n].reshape(-1)[places[n]]) for n in names]) for file in files]
