"""What every measure is given, and the file that its rows go to. A measure is a module with

- ``SCHEMA``: Arrow fields of an observation, in order (which sequence, prompt, question …, then what was observed);
- ``prepare(model, job)``: reads what it needs and gives a function that observes the model as it is (``sweep.Observe``);
- ``metadata(model)``, where readers of the rows need more than they hold.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from langatlas.files import atomic
from langatlas.intervene.index import COLUMNS
from langatlas.models.checkpoint import Manifest

ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True)
class Job:
    """One measurement of one language. ``inputs``: files by name; ``settings``: of the measure, by its schema.

    ``folder``: where a measure that writes more than rows puts it; ``code``: version of the code.
    """

    manifest: Manifest
    language: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    batch_size: int
    precision: str
    folder: Path | None = None
    code: str = ""

    @property
    def unfinished(self) -> Path | None:
        """Where what a killed job had finished is kept, beside ``folder``; gone when the job is done. None without a folder."""
        return self.folder and self.folder.with_name(f".unfinished-{self.folder.name}")


def write_rows(
    rows: pd.DataFrame,
    path: str | os.PathLike,
    schema: Sequence[pa.Field],
    described: Mapping,
    metadata: Mapping[str, str],
) -> None:
    """Write rows as Parquet: ``described`` (model, experiment, …), the intervention, language, then what was observed.

    ``schema``: of the observation. Columns that a kind of intervention brought stand behind those that all have.
    """
    observed = {field.name for field in schema}
    missing = dict.fromkeys(name for name in COLUMNS if name not in rows)
    rows = rows.assign(**missing | {key: value for key, value in described.items() if key not in observed})
    own = [name for name in rows if name not in observed and name not in COLUMNS and name not in described]
    head = [
        (name, ARROW[type(value)]) for name, value in described.items() if name not in (*COLUMNS, *observed, "language")
    ]
    head += [(name, ARROW[kind]) for name, kind in COLUMNS.items()]
    head += [(name, pa.infer_type(rows[name].tolist(), from_pandas=True)) for name in own]
    language = [] if "language" in observed else [("language", pa.string())]
    columns = pa.schema([*head, *language, *schema])
    with atomic(path) as temporary:
        table = pa.Table.from_pandas(rows, columns, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(dict(metadata)), temporary, compression="zstd")
