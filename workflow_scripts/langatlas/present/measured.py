"""Rows of several measurements together: those of one model must come from the same weights."""

import os
from collections.abc import Iterable

import pandas as pd
import pyarrow.parquet as pq


def read_measured(paths: Iterable[str | os.PathLike]) -> pd.DataFrame:
    """Rows of these Parquet files, one after the other. Raises ValueError as ``check_same_weights`` does."""
    paths = list(paths)
    check_same_weights(paths)
    return pd.concat(map(pd.read_parquet, paths), ignore_index=True)


def check_same_weights(paths: Iterable[str | os.PathLike]) -> None:
    """Raises ValueError where two files of a model were measured on different weights, by the hash in their metadata."""
    first: dict[str, tuple[bytes, str | os.PathLike]] = {}
    for path in paths:
        with pq.ParquetFile(path) as file:
            found = (file.schema_arrow.metadata or {}).get(b"model_hash")
            models = file.read(columns=["model"])["model"].unique().to_pylist() if found else []
        for model in models:
            other, where = first.setdefault(model, (found, path))
            if other != found:
                raise ValueError(
                    f"{path} and {where} were measured on different weights of model {model} ({found.decode()} and "
                    f"{other.decode()}); delete them and run again"
                )
