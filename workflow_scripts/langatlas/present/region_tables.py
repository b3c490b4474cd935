"""Tables of where regions lie and what they share, from what was counted for each model: density, overlap, similarity."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, markup, wide_tables
from langatlas.present.table import read_table

PAIR_SETTING = ["model", "samples", "scope", "side", "ratio"]
PAIR = ["language_a", "language_b"]
REGION_SETTING = ["model", "region", "samples", "side", "seed", "ratio"]


def region_density(counts: pd.DataFrame) -> pd.DataFrame:
    """Share of the parameters of every matrix that a region holds, as counted."""
    return counts[columns.REGION_DENSITY]


def region_overlap(counts: pd.DataFrame) -> pd.DataFrame:
    """Jaccard index of the regions of every pair of languages over the whole model, and what chance gives.

    ``counts``: one row a pair and matrix. Chance: random regions with as many parameters in every matrix.
    """
    rows = []
    for key, pair in counts.groupby([*PAIR_SETTING, *PAIR], dropna=False, sort=False):
        jaccard = pair["intersection"].sum() / pair["union"].sum() if pair["union"].sum() else float("nan")
        by_chance = statistics.expected_jaccard(pair["n_a"], pair["n_b"], pair["n_parameters"])
        row = dict(zip([*PAIR_SETTING, *PAIR], key, strict=True))
        row |= {name: pair[name].sum() for name in ("intersection", "union")}
        row |= {"jaccard": jaccard, "jaccard_by_chance": by_chance}
        rows.append(row | {"times_chance": jaccard / by_chance if by_chance else float("nan")})
    return pd.DataFrame(rows, columns=columns.REGION_OVERLAP).astype({"samples": "Int64"})


def importance_similarity(counts: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation and cosine of the importances of every pair of languages, as compared."""
    return counts[columns.IMPORTANCE_SIMILARITY]


def wide_density(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a region, a column a module: percent of its parameters in the region, over all layers."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        keys = REGION_SETTING[1:]
        order = part.groupby(keys, dropna=False, sort=False).ngroup()
        sums = part.groupby([order, part["module"]], sort=False)[["n_selected", "n_parameters"]].sum()
        percent = (100 * sums["n_selected"] / sums["n_parameters"]).unstack("module")[list(part["module"].unique())]
        head = part.loc[~order.duplicated(), keys].set_axis(percent.index)
        head["ratio"] = [markup.percent(ratio) for ratio in head["ratio"]]
        head = head.rename(columns=wide_tables.HEADINGS | {"seed": "Seed"}).dropna(axis=1, how="all")
        parts[model] = head.join(percent)
    return parts


def wide_overlap(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, side and ratio: languages x languages, how many times more they share than chance gives."""
    parts = {}
    for (model, samples, scope, side, ratio), part in table.groupby(PAIR_SETTING, dropna=False, sort=False):
        heading = f"{wide_tables.setting(model, samples, ratio, scope)}: {side}, times chance"
        parts[heading] = _square(part, "times_chance", labels)
    return parts


def wide_similarity(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, milestone and measure: languages x languages."""
    return {
        f"{model}, {markup.number(samples)} samples: {measure}": _square(part, measure, labels)
        for (model, samples), part in table.groupby(["model", "samples"], dropna=False, sort=False)
        for measure in ("spearman", "cosine")
    }


def _square(pairs: pd.DataFrame, value: str, labels: wide_tables.Labels) -> pd.DataFrame:
    """Pairs of languages as a symmetric table by family; the diagonal is empty."""
    turned = pairs.rename(columns={"language_a": "language_b", "language_b": "language_a"})
    both = pd.concat([pairs, turned]).pivot(index="language_a", columns="language_b", values=value)
    order = languages.order_by_family(both.index, labels)
    square = both.loc[order, order].reset_index(drop=True).rename_axis(columns=None)
    square.insert(0, "Language", [wide_tables.name(label, labels) for label in order])
    return square


@dataclass(frozen=True, slots=True)
class RegionTable(wide_tables.TableKind):
    """``build(counts)`` makes it from what was counted of all models and milestones."""

    def read(self, paths: Iterable[str | os.PathLike]) -> pd.DataFrame:
        """The table from the CSV files of all models and milestones."""
        return self.build(pd.concat([read_table(path) for path in paths], ignore_index=True))


REGION_TABLES = {
    "region_density": RegionTable(
        "Where regions lie",
        "Percent of the parameters of each module, over all layers, that the region holds. The CSV has every matrix.",
        region_density,
        wide_density,
    ),
    "region_overlap": RegionTable(
        "What the regions of two languages share",
        "Jaccard index (shared / in either) divided by that of random regions with as many parameters in every matrix.",
        region_overlap,
        wide_overlap,
    ),
    "importance_similarity": RegionTable(
        "How alike the importances of two languages are",
        "spearman: correlation of the ranks of absolute importance. cosine: of absolute importance, ruled by the largest.",
        importance_similarity,
        wide_similarity,
    ),
}
