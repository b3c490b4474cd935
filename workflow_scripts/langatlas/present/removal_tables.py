"""Tables of what removal does, from the table `perplexity`: core_removal, monolingual_removal, effect_matrix."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns, published

MONOLINGUAL = "monolingual-"
CORE_KEYS = ["model", "language", "region", "scope", "samples", "side", "ratio"]
MONOLINGUAL_KEYS = ["model", "region", "region_language", "language", "scope", "samples", "side", "ratio"]
FAMILY = ["model", "scope", "samples", "ratio"]  # tests corrected together, with the regions of one table
NUMBERS = [
    *columns.with_interval("perplexity"),
    *columns.with_interval("ratio_to_base"),
    *columns.with_interval("ratio_to_random"),
]


def core_removal(perplexity: pd.DataFrame, known: pd.DataFrame, published_as: Mapping[str, str]) -> pd.DataFrame:
    """Base, top, bottom and random removal of regions that belong to no single language; the paper's 3 % table.

    ``perplexity``: the table of that name. ``known``: ``published.load_core``. One row a model, language, region, side
    and ratio; random is the mean over seeds as in ``mean_over_seeds``. The unchanged model is one row a language.
    """
    is_core = perplexity["region"].notna() & perplexity["region_language"].isna()
    table = mean_over_seeds(_with_base(perplexity, is_core), CORE_KEYS)
    table["p_value_holm"] = holm_within(table, ["model", "region", "scope", "samples", "ratio"])
    return published.beside(table, known, ["language", "side", "ratio"], published_as, published.CORE_SOURCE)


def monolingual_removal(perplexity: pd.DataFrame, known: pd.DataFrame, published_as: Mapping[str, str]) -> pd.DataFrame:
    """Removal of each language's own region, measured in every language: the paper's Table 5 for every region language.

    ``known``: ``published.load_monolingual``. A published row stands beside ours where the region language is the same;
    its number of importance samples is ours, or else the largest that was published (``published_samples``).
    """
    table = mean_over_seeds(_with_base(perplexity, is_monolingual(perplexity)), MONOLINGUAL_KEYS)
    table["p_value_holm"] = holm_within(table, FAMILY)
    milestones = known["samples"].dropna().unique()
    table["published_samples"] = table["samples"].where(
        table["samples"].isin(milestones), max(milestones, default=pd.NA)
    )
    table["published_samples"] = table["published_samples"].where(table["samples"].notna(), pd.NA)
    on = ["region_language", "language", "side", "published_samples"]
    renamed = known.rename(columns={"samples": "published_samples"})
    table = published.beside(table, renamed, on, published_as, published.MONOLINGUAL_SOURCE)
    return table.assign(published_samples=table["published_samples"].where(table["published_source"].notna(), pd.NA))


def effect_matrix(perplexity: pd.DataFrame) -> pd.DataFrame:
    """What removing the region of each language (top side) does to each language, with ranks within a region's row."""
    chosen = perplexity[is_monolingual(perplexity) & (perplexity["side"] == "top")].copy()
    chosen["p_value_holm"] = holm_within(chosen, FAMILY)
    row = chosen.groupby(["model", "region", "scope", "samples", "ratio"], dropna=False)
    for rank, ratio in (("rank", "ratio_to_base"), ("rank_to_random", "ratio_to_random")):
        chosen[rank] = row[ratio].rank(ascending=False, method="min").astype("Int64")
    return chosen[columns.EFFECT_MATRIX].reset_index(drop=True)


def is_monolingual(perplexity: pd.DataFrame) -> pd.Series:
    """Which rows removed the region of one language alone."""
    return perplexity["region"].str.startswith(MONOLINGUAL).fillna(False).astype(bool)


def mean_over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row for each value of ``keys``: numbers averaged over seeds as logarithms, and their range over seeds.

    The ends of an interval are averaged in the same way. That is the interval of the mean if the resampled values of
    all seeds rise and fall together, and wider than it otherwise (seeds share the resamples, so they mostly do).
    """
    rows = rows.assign(**{name: np.log(rows[name]) for name in NUMBERS})
    groups = rows.groupby(keys, dropna=False, sort=False)
    table = statistics.exp_or_inf(groups[NUMBERS].mean())
    for name in ("perplexity", "ratio_to_base"):
        table[f"{name}_seed_min"] = statistics.exp_or_inf(groups[name].min())
        table[f"{name}_seed_max"] = statistics.exp_or_inf(groups[name].max())
    table["p_value"] = groups["p_value"].first()
    table["n_seeds"] = groups["seed"].nunique().astype("Int64").replace(0, pd.NA)
    return table.reset_index()


def holm_within(table: pd.DataFrame, keys: list[str]) -> pd.Series:
    """p-values adjusted for all tests in the rows that are equal in ``keys``."""
    return table.groupby(keys, dropna=False)["p_value"].transform(statistics.holm)


def _with_base(perplexity: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """The chosen rows and the unchanged model's rows of the same experiments."""
    measured = set(zip(perplexity.loc[chosen, "model"], perplexity.loc[chosen, "experiment"], strict=True))
    wanted = [pair in measured for pair in zip(perplexity["model"], perplexity["experiment"], strict=True)]
    return perplexity[chosen | (np.array(wanted, dtype=bool) & (perplexity["side"] == "base"))]
