"""Neuron sets: which neurons belong to which language, Parquet (``langatlas.neurons/1``).

One row a (language, side, neuron): COLUMNS. Metadata: method, languages (JSON, in order: one
without neurons has no row), layers, width, model, model_hash, reading, provenance.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from langatlas.files import atomic
from langatlas.provenance import check_made_from

FORMAT = "langatlas.neurons/1"
COLUMNS = ["method", "language", "side", "layer", "neuron", "score", "probability"]
BY_FREQUENCY = "matched in activation frequency"
"""What stands in the column ``setting`` of random neurons that are as often active as those that they control."""


@dataclass(frozen=True)
class NeuronSet:
    """Rows of all languages, the languages in their order, and the model's (layers, neurons of a layer)."""

    rows: pd.DataFrame
    languages: list[str]
    shape: tuple[int, int]
    metadata: dict[str, str]

    @property
    def method(self) -> str:
        return self.metadata["method"]

    def of(self, language: str, side: str = "top") -> pd.DataFrame:
        """Rows of one language. Raises ValueError for one that the set was not made for."""
        if language not in self.languages:
            raise ValueError(f"these neurons were found for {', '.join(self.languages)}, not for {language!r}")
        return self.rows[(self.rows["language"] == language) & (self.rows["side"] == side)]

    def mask(self, language: str, side: str = "top") -> np.ndarray:
        """(L, F), true at the language's neurons."""
        mask, rows = np.zeros(self.shape, bool), self.of(language, side)
        mask[rows["layer"], rows["neuron"]] = True
        return mask


def write_neurons(path: str | os.PathLike, found: NeuronSet) -> None:
    """Write a neuron set."""
    layers, width = found.shape
    described = {"format": FORMAT, "languages": json.dumps(found.languages), "layers": str(layers), "width": str(width)}
    rows = found.rows[COLUMNS].astype(
        {"layer": "int64", "neuron": "int64", "score": "float64", "probability": "float64"}
    )
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata({**found.metadata, **described}), temporary)


def read_neurons(path: str | os.PathLike) -> NeuronSet:
    """Read a neuron set. Raises ValueError, naming the file, where it is none."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not a readable neuron set ({error}); delete it and run again") from None
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {metadata.get('format', 'no format in its metadata')}")
    shape = (int(metadata["layers"]), int(metadata["width"]))
    return NeuronSet(table.to_pandas(), json.loads(metadata["languages"]), shape, metadata)


def check_model(found: NeuronSet, path: str | os.PathLike, model_hash: str) -> None:
    """Raises ValueError when the neurons were found in another model than this one."""
    check_made_from(path, "neurons", found.metadata, model_hash)


def described(metadata: Mapping[str, str]) -> dict[str, str]:
    """What a neuron set takes over from the activations that it was chosen by."""
    return {key: metadata[key] for key in ("model", "model_hash", "reading") if key in metadata}
