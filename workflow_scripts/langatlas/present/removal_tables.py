"""Tables from the table `perplexity`: base_perplexity, core_removal, monolingual_removal, effect_matrix."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns, published
from langatlas.present.perplexity_table import is_monolingual, is_removal

CORE_REGIONS = ("core", "core-layer", "core-global")
CORE_KEYS = ["model", "language", "region", "scope", "samples", "side", "ratio"]
MONOLINGUAL_KEYS = ["model", "region", "region_language", "language", "scope", "samples", "side", "ratio"]
REGION = ["model", "region", "scope", "samples", "ratio"]  # one region: tests in all languages are corrected together
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
    table = mean_over_seeds(_with_base(perplexity, is_core(perplexity)), CORE_KEYS)
    table["p_value_holm"] = holm_within(table)
    return published.beside(table, known, ["language", "side", "scope", "ratio"], published_as, published.CORE_SOURCE)


def monolingual_removal(perplexity: pd.DataFrame, known: pd.DataFrame, published_as: Mapping[str, str]) -> pd.DataFrame:
    """Removal of each language's own region, measured in every language: the paper's Table 5 for every region language.

    ``known``: ``published.load_monolingual``. A published row stands beside ours where the region language is the same;
    its number of importance samples is ours, or else the largest that was published (``published_samples``).
    """
    table = mean_over_seeds(_with_base(perplexity, is_monolingual(perplexity)), MONOLINGUAL_KEYS)
    table["p_value_holm"] = holm_within(table)
    milestones = known["samples"].dropna().unique()
    table["published_samples"] = table["samples"].where(
        table["samples"].isin(milestones), max(milestones, default=pd.NA)
    )
    table["published_samples"] = table["published_samples"].where(table["samples"].notna(), pd.NA)
    on = ["region_language", "language", "scope", "side", "published_samples"]
    renamed = known.rename(columns={"samples": "published_samples"})
    table = published.beside(table, renamed, on, published_as, published.MONOLINGUAL_SOURCE)
    return table.assign(published_samples=table["published_samples"].where(table["published_source"].notna(), pd.NA))


def base_perplexity(perplexity: pd.DataFrame) -> pd.DataFrame:
    """How well each unchanged model predicts the test text of each language: one row a model and language."""
    rows = perplexity[perplexity["side"] == "base"].drop_duplicates(["model", "language"])
    return rows[columns.BASE_PERPLEXITY].reset_index(drop=True)


def effect_matrix(perplexity: pd.DataFrame) -> pd.DataFrame:
    """What removing the region of each language (top side) does to each language, with ranks within a region's row."""
    table = perplexity[is_monolingual(perplexity) & (perplexity["side"] == "top")]
    table = table.drop_duplicates([*REGION, "language"])  # the same removal in two experiments
    table = table.assign(p_value_holm=holm_within(table))
    for rank, ratio in (("rank", "ratio_to_base"), ("rank_to_random", "ratio_to_random")):
        ranks = table.groupby(REGION, dropna=False)[ratio].rank(ascending=False, method="min")
        table = table.assign(**{rank: ranks.astype("Int64")})
    return table[columns.EFFECT_MATRIX].reset_index(drop=True)


def is_core(perplexity: pd.DataFrame) -> pd.Series:
    """Which rows removed the core region, ranked within whatever scope; core regions that were chosen otherwise are controls."""
    return is_removal(perplexity) & perplexity["region"].isin(CORE_REGIONS)


def mean_over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row for each value of ``keys``: numbers averaged over seeds as logarithms, and their range over seeds.

    The ends of an interval are averaged in the same way. That is the interval of the mean if the resampled values of
    all seeds rise and fall together, and wider than it otherwise (seeds share the resamples, so they mostly do).
    """
    with np.errstate(divide="ignore"):  # a ratio to a collapsed model may be 0
        rows = rows.assign(**{name: np.log(rows[name]) for name in NUMBERS})
    groups = rows.groupby(keys, dropna=False, sort=False)
    table = statistics.exp_or_inf(groups[NUMBERS].mean())
    for name in ("perplexity", "ratio_to_base"):
        table[f"{name}_seed_min"] = statistics.exp_or_inf(groups[name].min())
        table[f"{name}_seed_max"] = statistics.exp_or_inf(groups[name].max())
    table["p_value"] = groups["p_value"].first()
    table["n_seeds"] = groups["seed"].nunique().astype("Int64").replace(0, pd.NA)
    return table.reset_index()


def holm_within(table: pd.DataFrame) -> pd.Series:
    """p-values adjusted for all tests of the same region: every language, top and bottom."""
    return table.groupby(REGION, dropna=False)["p_value"].transform(statistics.holm)


def _with_base(perplexity: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """The chosen rows and the unchanged model's rows of the same experiments."""
    measured = set(zip(perplexity.loc[chosen, "model"], perplexity.loc[chosen, "experiment"], strict=True))
    wanted = [pair in measured for pair in zip(perplexity["model"], perplexity["experiment"], strict=True)]
    return perplexity[chosen | (np.array(wanted, dtype=bool) & (perplexity["side"] == "base"))]
