"""The released files of LAPE (Tang et al. 2024): activation counts of one language, and neurons by language and layer.

Counts: a dict with ``over_zero`` (L, F), how many tokens have the neuron above 0, and ``n`` (or ``total_tokens``), how many
tokens there were. Neurons: a list by language of a list by layer of ascending indices. Both by ``torch.save``; they are
read with ``weights_only=True``.
"""

import os

import numpy as np
import pandas as pd

from langatlas.activation_files import Activations
from langatlas.files import atomic
from langatlas.interchange.saved import load_saved
from langatlas.neuron_files import COLUMNS, NeuronSet, read_neurons, write_neurons
from langatlas.provenance import collect

TOKENS = ("n", "total_tokens")


def counts_from_file(path: str | os.PathLike, output: str | os.PathLike, metadata: dict[str, str]) -> None:
    """Released activation counts of one language -> a file of activation statistics that has ``all.positive`` only.

    Raises ValueError where the counts are none, are negative or exceed the number of tokens (an int32 that overflowed).
    """
    loaded = load_saved(path)
    tokens = next((int(loaded[key]) for key in TOKENS if key in loaded), None) if isinstance(loaded, dict) else None
    if tokens is None or "over_zero" not in loaded:
        raise ValueError(f"{path}: expected a dict with over_zero and one of {', '.join(TOKENS)}")
    positive = loaded["over_zero"].numpy().astype(np.int64)
    if positive.ndim != 2 or positive.min() < 0 or positive.max() > tokens:
        raise ValueError(
            f"{path}: over_zero must be (layers, neurons) with counts from 0 to {tokens}, the number of tokens; got shape "
            f"{positive.shape}, {positive.min()} to {positive.max()}"
        )
    Activations({"all.positive": positive}, {"all": tokens}, []).write(output, metadata)


def neurons_to_file(path: str | os.PathLike, output: str | os.PathLike, side: str = "top") -> None:
    """A neuron set -> list by language of list by layer of LongTensor. The order of languages is the set's."""
    import torch

    found = read_neurons(path)
    released = [
        [torch.from_numpy(np.flatnonzero(row).astype(np.int64)) for row in found.mask(language, side)]
        for language in found.languages
    ]
    with atomic(output) as temporary:
        torch.save(released, temporary)


def neurons_from_file(path: str | os.PathLike, output: str | os.PathLike, width: int, languages: list[str]) -> None:
    """The inverse. ``languages``: their order, which the released file does not hold; ``width``: neurons of a layer.

    Scores and probabilities are not in the released file, so they are empty. Raises ValueError where languages, layers or
    indices do not fit.
    """
    released = load_saved(path)
    if len(released) != len(languages) or len({len(layers) for layers in released}) != 1:
        raise ValueError(
            f"{path}: holds {len(released)} languages with {sorted({len(layers) for layers in released})} layers each; "
            f"{len(languages)} languages were named"
        )
    tables = [
        _layer_rows(path, language, layer, np.asarray(indices, np.int64), width)
        for language, layers in zip(languages, released, strict=True)
        for layer, indices in enumerate(layers)
    ]
    rows = pd.concat(tables, ignore_index=True)
    metadata = collect("interchange", method="lape", imported_from=os.fspath(path))
    write_neurons(output, NeuronSet(rows, languages, (len(released[0]), width), metadata))


def _layer_rows(path, language: str, layer: int, indices: np.ndarray, width: int) -> pd.DataFrame:
    if len(indices) and not 0 <= indices.min() <= indices.max() < width:
        raise ValueError(
            f"{path}: layer {layer} of {language} names neurons {indices.min()} to {indices.max()} of {width}"
        )
    values = {"method": "lape", "language": language, "side": "top", "layer": layer, "neuron": indices}
    return pd.DataFrame(values | {"score": np.nan, "probability": np.nan})[COLUMNS]
