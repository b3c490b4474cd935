"""Rows of translations, one a condition and sentence, and their file (Parquet). No torch: tables and exports read it too.

Columns: model, experiment, those of the intervention, language (the source), condition, kind, further, shots, source_language,
target_language, input_languages (joined by spaces), item, item_number, prompt, n_prompt_tokens, text (what the model wrote),
output (its first line), reference, n_tokens (new tokens), ended (whether the model set an end mark), and counts of neurons in
lists of whole numbers:

- ``zero``, ``inhibited``: neurons at 0, and at or below 0, at the last position of each forward pass; a list over passes and
  layers, the layers of a pass next to each other. The first pass is the prompt's, each other that of a new token;
- ``all_zero``, ``all_inhibited``: the same summed over all tokens, prompt included, by layer.

Metadata: ``layers``, ``neurons`` (of a layer), provenance. Axes: S sentences, P passes, L layers.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

CLASSES = ("published", "last_prompt", "generated", "all")
"""Which tokens: published: the last position of each pass, which is last_prompt and generated together."""


def read_rows(path: str | os.PathLike) -> pd.DataFrame:
    """The rows of one file, and the numbers of ``layers`` and ``neurons`` as columns.

    Raises ValueError for a file without them.
    """
    table = pq.read_table(path)
    described = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if not {"layers", "neurons"} <= described.keys():
        raise ValueError(f"{Path(path)}: its metadata say no layers and neurons: not rows of translations")
    rows = table.to_pandas()
    return rows.assign(layers=int(described["layers"]), neurons=int(described["neurons"]))


def counts(rows: pd.DataFrame, which: str, positions: str) -> tuple[np.ndarray, np.ndarray]:
    """Of each row: how many neurons of each layer were ``which`` (zero or inhibited), summed over tokens of a class (S, L),
    and over how many tokens (S,).
    """
    if positions not in CLASSES:
        raise ValueError(f"positions must be one of {', '.join(CLASSES)}, got {positions!r}")
    if positions == "all":
        fed = rows["n_prompt_tokens"] + rows["n_tokens"] + rows["ended"] - 1
        return np.stack([np.asarray(values, np.int64) for values in rows[f"all_{which}"]]), fed.to_numpy(np.int64)
    chosen = {"published": slice(None), "last_prompt": slice(0, 1), "generated": slice(1, None)}[positions]
    passes = [by_pass(values, layers)[chosen] for values, layers in zip(rows[which], rows["layers"], strict=True)]
    return np.stack([found.sum(0) for found in passes]), np.array([len(found) for found in passes], np.int64)


def by_pass(values: np.ndarray, layers: int) -> np.ndarray:
    """A list of counts as (P, L)."""
    return np.asarray(values, np.int64).reshape(-1, layers)
