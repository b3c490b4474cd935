"""Helpers of the tests of tables: small perplexity files, the table that they give, one row of a table."""

from pathlib import Path

import numpy as np
import pandas as pd

from langatlas.present.table import read_table
from langatlas.present.tables import perplexity
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
    table = perplexity.build([write_rows(folder, frame) for frame in rows], **FAST)
    perplexity.TABLE.write(table, folder / "perplexity.csv", parts={}, settings=FAST)
    pd.testing.assert_frame_equal(read_table(folder / "perplexity.csv"), table)
    return read_table(folder / "perplexity.csv")


def row_of(table: pd.DataFrame, **where) -> pd.Series:
    chosen = table.loc[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    assert len(chosen) == 1, f"{len(chosen)} rows with {where}"
    return chosen.iloc[0]


def survival_tables(core=3.0, other=1.5, own=1.3, halves=0.5, single=1.2, p=0.001):
    """The tables behind the page of verdicts, of three languages, with a planted outcome."""
    languages = ["en", "ru", "zh"]
    rows = []
    for region, factor in {
        "core": core,
        "core-matched": other,
        "core-untrained": other,
        "core-only_en": single,
    }.items():
        shared = (
            {"jaccard": 0.1, "times_chance": 3.0} if region != "core" else {"jaccard": np.nan, "times_chance": np.nan}
        )
        paired = {"reference": "core", "ratio_to_reference": factor / core, "reference_p_value_holm": p}
        if region == "core":
            paired = {"reference": None, "ratio_to_reference": np.nan, "reference_p_value_holm": np.nan}
        measured = {"ratio_to_base": factor, "samples": 9, **paired, **shared}
        rows += [{"model": "m", "region": region, "language": x, **measured} for x in languages]
    matrix = [
        {"model": "m", "region_language": a, "language": b, "scope": "matrix", "samples": 9, "ratio": 0.05,
         "ratio_to_base": own if a == b else 1.1, "rank": 1 if a == b and own > 1.1 else 2, "p_value_holm": 0.001}
        for a in languages for b in languages
    ]  # fmt: skip
    removal = [
        {"model": "m", "region": "core", "scope": "matrix", "samples": 9, "ratio": 0.05, "language": x, "side": side,
         "ratio_to_base": factor, "p_value_holm": 0.001}
        for x in languages for side, factor in (("top", core), ("random", 1.05), ("bottom", 1.0))
    ]  # fmt: skip
    pairs = [("halves", halves), ("halves", halves + 0.1), ("languages", 0.3)]
    lines = [
        {"measure": m, "statistic": 0.6, "null_mean": 0.2, "z": 9.0, "null_p_value": 0.001}
        for m in ("gini-head", "moran")
    ]
    return {
        "controls": pd.DataFrame(rows),
        "effect_matrix": pd.DataFrame(matrix),
        "core_removal": pd.DataFrame(removal),
        "reliability": pd.DataFrame([{"model": "m", "comparison": c, "jaccard": j} for c, j in pairs]),
        "concentration": pd.DataFrame([{"model": "m", "region": "core", **line} for line in lines]),
        "family_overlap": pd.DataFrame(
            [{"model": "m", "kinship": "family", "scope": "matrix", "samples": 9, "ratio": 0.05,
              "times_chance_within": 3.0, "times_chance_between": 2.0,
              "within_to_between": 1.5, "permutation_p_value": 0.01}]
        ),
    }  # fmt: skip
