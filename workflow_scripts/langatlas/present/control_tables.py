"""Tables of the controls: core regions chosen otherwise, reliability and concentration; kinship has a module of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, kinship, markup, wide_tables
from langatlas.present.control_pairs import SAME_TEXT, control_rows
from langatlas.present.removal_tables import mean_over_seeds
from langatlas.region_names import ONLY

CONTROLS = ["model", "region", "language", "side"]
LEVEL = 0.05
WORDS = {
    "core": "the core itself (|θ · Σ gradient| over the core's languages)",
    SAME_TEXT: "the core's own score, from less text",
    "core-magnitude": "largest |θ|",
    "core-wanda": "Wanda: |θ| · ‖input‖",
    "core-absolute": "Σ |θ · gradient|: signs cannot cancel",
    "core-fisher": "Fisher: Σ (θ · gradient)²",
    "core-shuffled": "importance from shuffled tokens",
    "core-untrained": "importance before training",
    "core-rounded": "importance in bfloat16, as released",
    "core-summed-bfloat16": "gradients summed in bfloat16, as released",
    "core-averaged": "mean NLL of each micro-batch, as released",
    "core-short": "texts that fit only, as released",
    "core-matched": "random parameters as large as the core's",
    "core-random": "random parameters",
}


def controls(perplexity: pd.DataFrame, counts: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row a control and language: its ratio to base beside the core's, the two paired, and what they share.

    ``perplexity``: the table; ``counts``: ``locate.overlap.overlaps_with`` of all models; ``pairs``:
    ``control_pairs.against_core``. The core at the same ratio, and its random control, stand as regions ``core`` and
    ``core-random``. Random ones are the mean over seeds.
    """
    table = mean_over_seeds(control_rows(perplexity), [*CONTROLS, "samples", "ratio"])
    beside = table[table["region"] == "core"].set_index(["model", "language"])["ratio_to_base"]
    table["core_ratio_to_base"] = [
        beside.get(key, np.nan) for key in zip(table["model"], table["language"], strict=True)
    ]
    table = table.merge(pairs, on=["model", "region", "language"], how="left")
    return table.merge(overlap_with_core(counts), on=["model", "region"], how="left")[columns.CONTROLS]


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


def wide_controls(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """Two parts a model: a row a control over all languages, and a row a control and language with intervals."""
    parts = {}
    for (model, ratio), rows in table.groupby(["model", "ratio"], sort=False):
        lines = []
        for region, part in rows.groupby("region", sort=False):
            factors = part["ratio_to_base"]
            ends = f"{markup.number(factors.min())} to {markup.number(factors.max())}"
            lines.append(
                {
                    "Chosen by": named(region, labels),
                    "× base": f"{markup.number(factors.median())} ({ends})",
                    "÷ reference": part["ratio_to_reference"].median(),
                    "Reference": {SAME_TEXT: "core, as few samples"}.get(
                        part["reference"].iloc[0], part["reference"].iloc[0]
                    ),
                    "Hurts less / more, p < 0.05": significant(part),
                    "Samples": part["samples"].iloc[0],
                    "Jaccard with core": part["jaccard"].iloc[0],
                    "× chance": part["times_chance"].iloc[0],
                }
            )
        heading = f"{model}: {markup.percent(ratio)} of each matrix removed"
        parts[heading] = pd.DataFrame(lines)
        parts[f"{heading}, by language: × base, and ÷ reference"] = _by_language(rows, labels)
    return parts


def significant(part: pd.DataFrame) -> str:
    """In how many languages a control hurts significantly less and significantly more than its reference."""
    if part["ratio_to_reference"].isna().all():
        return markup.MISSING
    sure = part["reference_p_value_holm"] < LEVEL
    less, more = (sure & (part["ratio_to_reference"] < 1)).sum(), (sure & (part["ratio_to_reference"] > 1)).sum()
    return f"{less} / {more} of {len(part)}"


def _by_language(rows: pd.DataFrame, labels: wide_tables.Labels) -> pd.DataFrame:
    """A row a control and language, with 95 % intervals."""
    order = languages.order_by_family(rows["language"].unique(), labels)
    lines = []
    for region, part in rows.groupby("region", sort=False):
        for _, row in part.set_index("language").reindex(order).dropna(how="all").iterrows():
            cells = [
                markup.interval(*(row[column] for column in columns.with_interval(name)))
                for name in ("ratio_to_base", "ratio_to_reference")
            ]
            line = {"Chosen by": named(region, labels), "Language": wide_tables.name(row.name, labels)}
            lines.append(line | {"× base": cells[0], "÷ reference": cells[1], "p": row["reference_p_value_holm"]})
    return pd.DataFrame(lines)


def named(region: str, labels: wide_tables.Labels = None) -> str:
    """What a control region was chosen by, in words."""
    if region.startswith(ONLY):
        return f"importance from {languages.get(region.removeprefix(ONLY), labels).name} alone"
    return WORDS.get(region, region)


def reliability(counts: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """As measured (``locate.reliability``), and the core of each matrix beside the core of a wider scope.

    ``overlap``: as ``counts`` of ``controls``.
    """
    wider = overlap_with_core(overlap[overlap["scope"] != "matrix"]) if len(overlap) else overlap
    if wider.empty:
        return counts[columns.RELIABILITY]
    wider = wider.assign(comparison="scopes", ratio=overlap["ratio"].iloc[0])
    return pd.concat([counts, wider], ignore_index=True)[columns.RELIABILITY]


def wide_reliability(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model: each comparison's mean and range."""
    words = {
        "halves": "same language, two halves of the text",
        "languages": "two languages, other halves of the text",
        "milestones": "same language, little and much text",
        "scopes": "the core of each matrix, the core of a wider scope",
    }
    parts = {}
    for (model, ratio), rows in table.groupby(["model", "ratio"], sort=False):
        lines = []
        for comparison, part in rows.groupby("comparison", sort=False):
            line = {"Comparison": words[comparison], "Pairs": len(part)}
            for heading, column in (
                ("Jaccard", "jaccard"),
                ("× chance", "times_chance"),
                ("Rank correlation", "spearman"),
            ):
                line[heading] = markup.number(part[column].mean())
                if len(part) > 1:
                    line[heading] += f" ({markup.number(part[column].min())} to {markup.number(part[column].max())})"
            lines.append(line)
        parts[f"{model}: top {markup.percent(ratio)} of each matrix"] = pd.DataFrame(lines)
    return parts


def concentration(counts: pd.DataFrame) -> pd.DataFrame:
    """As measured (``locate.concentration``)."""
    return counts[columns.CONCENTRATION]


def wide_concentration(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a region and measure: median over matrices beside the null, share of matrices with p < 0.05."""
    parts = {}
    for (model, samples, ratio), rows in table.groupby(["model", "samples", "ratio"], dropna=False, sort=False):
        lines = []
        for (region, measure), part in rows.groupby(["region", "measure"], sort=False):
            line = {"Region": region, "Measure": measure, "Median": part["statistic"].median()}
            line |= {"By chance": part["null_mean"].median(), "Median z": part["z"].median()}
            lines.append(line | {"Matrices, p < 0.05": f"{(part['null_p_value'] < 0.05).sum()} of {len(part)}"})
        parts[f"{model}, top {markup.percent(float(ratio))} of each matrix, {samples} samples"] = pd.DataFrame(lines)
    return parts


@dataclass(frozen=True, slots=True)
class ControlTable:
    """What ``tabulate_controls`` writes under a name: title, note, layout for people."""

    title: str
    note: str
    wide: Callable[[pd.DataFrame, wide_tables.Labels], dict[str, pd.DataFrame]]


CONTROLS_NOTE = """× base: perplexity after removal divided by that of the unchanged model, median and range over languages.
÷ reference: perplexity divided by that after removing the core, sequence by sequence (below 1: the core hurts more), with the
95 % bootstrap interval over sequences; p: paired sign flips, adjusted (Holm) over languages. The reference of a score that was
taken from few samples is the core from as few: otherwise more text could pass for a better score. Jaccard: shared
parameters / parameters of either; × chance: against random regions of the same sizes in the same matrices. All regions are
of equal size."""
RELIABILITY_NOTE = """Jaccard index of the top parameters and rank correlation of the importances, mean and range over pairs. If
halves of one language agree no better than halves of two languages, a region says nothing about its language."""
CONCENTRATION_NOTE = """Moran's I: whether selected parameters lie beside each other in a matrix as stored. Gini: whether few
lines of an axis (head, residual, ffn) hold most of them. By chance: as many parameters anywhere in the same matrix; z: distance
from that in standard deviations."""
CONTROL_TABLES = {
    "controls": ControlTable("The core region beside regions that were chosen otherwise", CONTROLS_NOTE, wide_controls),
    "reliability": ControlTable(
        "Does other text of the same language give the same region?", RELIABILITY_NOTE, wide_reliability
    ),
    "family_overlap": ControlTable(
        "Do related languages share more of their regions?", kinship.FAMILY_NOTE, kinship.wide_family_overlap
    ),
    "concentration": ControlTable("Are regions concentrated?", CONCENTRATION_NOTE, wide_concentration),
}
