"""Helpers of the tests of tables: small perplexity files, the table that they give, one row of a table."""

from pathlib import Path

import numpy as np
import pandas as pd

from langatlas.present.perplexity_table import tabulate_perplexity
from langatlas.present.tables import read_table, write_table
from synthetic import perplexity_rows

PUBLISHED = Path(__file__).parents[2] / "resources" / "published"
LANGUAGES = ("es", "ru", "uk", "zh")
FAST = {"resamples": 200, "permutations": 999, "seed": 1}


def write_rows(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / f"{rows['experiment'].iloc[0]}-{rows['model'].iloc[0]}-{rows['language'].iloc[0]}.parquet"
    rows.to_parquet(path)
    return path


def write_both_experiments(folder: Path) -> pd.DataFrame:
    """The table `perplexity` of both experiments in four languages, written to ``folder`` and read back."""
    settings = [{"experiment": "core-removal"}, {"experiment": "monolingual-removal", "languages": LANGUAGES}]
    rows = [perplexity_rows(language, sequences=25, **more) for more in settings for language in LANGUAGES]
    table = tabulate_perplexity([write_rows(folder, frame) for frame in rows], **FAST)
    write_table(table, folder / "perplexity.csv", title="T", note="n", code="c", settings=FAST)
    pd.testing.assert_frame_equal(read_table(folder / "perplexity.csv"), table)
    return read_table(folder / "perplexity.csv")


def row_of(table: pd.DataFrame, **where) -> pd.Series:
    chosen = table.loc[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    assert len(chosen) == 1, f"{len(chosen)} rows with {where}"
    return chosen.iloc[0]
