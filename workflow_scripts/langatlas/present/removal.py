"""What tables of removed regions share: which rows are the core, means over seeds, what the core has in common with others."""

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns, layout, markup, paired, published_numbers
from langatlas.present.perplexity_rows import is_removal

CORE_REGIONS = ("core", "core-layer", "core-global")
CORE, SAME_TEXT = "core", "core-few"
"""The core, and the core from as few samples as other scores: more text alone could make the first look better than they."""
REGION = ["model", "region", "scope", "samples", "ratio"]  # one region: tests in all languages are corrected together
NUMBERS = [
    *columns.with_interval("perplexity"),
    *columns.with_interval("ratio_to_base"),
    *columns.with_interval("ratio_to_random"),
]
NOTE = """× base: perplexity divided by that of the unchanged model, with the 95 % bootstrap interval over test sequences.
p, top: paired permutation test of top against random, Holm-adjusted over languages and sides."""


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
    return paired.holm(table, REGION)


def with_base(perplexity: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """The chosen rows and the unchanged model's rows of the same experiments."""
    measured = set(zip(perplexity.loc[chosen, "model"], perplexity.loc[chosen, "experiment"], strict=True))
    wanted = [pair in measured for pair in zip(perplexity["model"], perplexity["experiment"], strict=True)]
    return perplexity[chosen | (np.array(wanted, dtype=bool) & (perplexity["side"] == "base"))]


def overlap_with_core(counts: pd.DataFrame) -> pd.DataFrame:
    """Jaccard index of each region with the core over all matrices, and against chance; random ones: mean over seeds."""
    rows = []
    for (model, region, _), part in counts.groupby(["model", "region", "side"], sort=False):
        chance = statistics.expected_jaccard(part["n_a"], part["n_b"], part["n_parameters"])
        seeds = max(1, part["seed"].nunique())
        jaccard = part["intersection"].sum() / part["union"].sum()
        if seeds > 1:
            chance = statistics.expected_jaccard(
                *(part.groupby("parameter")[c].mean() for c in ("n_a", "n_b", "n_parameters"))
            )
        rows.append({"model": model, "region": region, "jaccard": jaccard, "jaccard_by_chance": chance})
    table = pd.DataFrame(rows, columns=["model", "region", "jaccard", "jaccard_by_chance"])
    return table.assign(times_chance=table["jaccard"] / table["jaccard_by_chance"])


def languages_by_side(part: pd.DataFrame, order: list[str], labels: layout.Labels) -> pd.DataFrame:
    """A row a language (in ``order``): perplexity of each side, factors with their ranges, p-value, published numbers."""
    sides = {side: rows.set_index("language").reindex(order) for side, rows in part.groupby("side")}
    wide = pd.DataFrame({"Language": [layout.name(label, labels) for label in order]})
    removed = [side for side in ("top", "random", "bottom") if side in sides]
    for side in ["base", *removed]:
        wide[side.capitalize()] = sides[side]["perplexity"].to_numpy()
    for side in removed:
        wide[f"{side.capitalize()} × base"] = [factor(row) for _, row in sides[side].iterrows()]
    if "top" in sides and sides["top"]["p_value_holm"].notna().any():
        wide["p, top"] = sides["top"]["p_value_holm"].to_numpy()
    return wide.assign(**_published_cells(sides, removed))


def factor(row: pd.Series) -> str:
    """Ratio to base with its 95 % interval; of several random regions, of their mean: the same as in table and figure."""
    return markup.interval(*(row[name] for name in columns.with_interval("ratio_to_base")))


def _published_cells(sides: dict[str, pd.DataFrame], removed: list[str]) -> dict[str, list[str]]:
    """Published numbers as columns by heading: perplexities of the same model, and ratios to base of each model."""
    cells = {}
    for model in sides["base"]["published_model"].dropna().unique():
        heading = f"{model}, published: {' / '.join(['base', *removed])}"
        cells[heading] = _joined(sides, ["base", *removed], "published_perplexity")
    for model in published_numbers.MODELS:
        if (column := published_numbers.counterpart_column(model)) in sides["base"]:
            cells[f"{model} × base: {' / '.join(removed)}"] = _joined(sides, removed, column)
    return {heading: texts for heading, texts in cells.items() if any(text != markup.MISSING for text in texts)}


def _joined(sides: dict[str, pd.DataFrame], names: list[str], column: str) -> list[str]:
    """Numbers of several sides in one cell, separated by slashes; – where there is none of them."""
    values = pd.concat([sides[side][column] for side in names], axis=1)
    return [markup.MISSING if row.isna().all() else " / ".join(map(markup.number, row)) for _, row in values.iterrows()]
