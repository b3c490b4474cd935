"""What tables of language-specific neurons share: how sets are read, their sides, the published counts."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from langatlas.neuron_files import NeuronSet, read_neurons

SOURCE = "Tang et al. 2024, arXiv 2402.16438, released neurons"
SETTING = ["model", "method", "side"]


def read_sets(paths: Iterable[str]) -> list[NeuronSet]:
    """Neuron sets of all models and methods."""
    return [read_neurons(path) for path in paths]


def read_published(path: str) -> pd.DataFrame:
    """A published table; ``na`` may be a language."""
    return pd.read_csv(path, keep_default_na=False)


def by_side(sets: Iterable[NeuronSet]) -> Iterator[tuple[NeuronSet, dict[str, str], dict[str, np.ndarray]]]:
    """Every set and side that it has (lape: top only): the set, the columns SETTING, and the mask (L, F) of each language."""
    for found in sets:
        for side in ["top", "bottom"] if found.method == "precision" else ["top"]:
            setting = {"model": found.metadata["model"], "method": found.method, "side": side}
            yield found, setting, {language: found.mask(language, side) for language in found.languages}
