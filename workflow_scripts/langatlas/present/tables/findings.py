"""What a run found, in a few lines: a table computed from the tables `perplexity` and `effect_matrix`.

Values of the column `finding`:

* ``core_factor``: by how much removing a core region multiplies perplexity; median, smallest, largest over languages
* ``core_order``: in how many languages top > random > bottom
* ``core_order_significant``: and both differ from random with p < 0.05 (paired test, Holm over languages and sides)
* ``hits_itself_hardest``: how many regions of one language hit that language harder than any other (ratio to base)
* ``hits_itself_hardest_to_random``: the same by the ratio to the random control
* ``hits_itself_significant``: how many hit their own language harder than random does, with p < 0.05 (Holm)
* ``effect_on_itself``, ``hit_second``, ``hit_third``: one row a region: the factor, and for which language
* ``largest_effect_on_another``: the worst case of the effect matrix off its diagonal
"""

from collections.abc import Iterator

import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, markup
from langatlas.present.removal import REGION, holm_within, is_core, mean_over_seeds
from langatlas.present.table import Table, read_optional, read_table
from langatlas.present.tables.isolation import in_short

COLUMNS = columns.of(
    "model",
    {"finding": "what is stated, see langatlas.present.findings"},
    "region", "scope", "samples", "ratio", "side", "region_language", "language",
    {
        "value": "the finding's number (a median where it sums up several languages)",
        "low": "smallest over languages",
        "high": "largest over languages",
        "language_low": "language of the smallest",
        "language_high": "language of the largest",
        "count": "cases in which the statement holds",
        "of": "cases looked at",
    },
)  # fmt: skip
LEVEL = 0.05
SETTING = ["model", "scope", "samples", "ratio"]
SHOWN_REGIONS = 12  # rows that a person reads at the end of a run
NOTE = """Factors: perplexity after removal / before (1.00: no change); ranges run over languages. Random: as many
random parameters. Significant: paired permutation test against random, Holm-adjusted p < 0.05."""


def build(perplexity: pd.DataFrame, effect_matrix: pd.DataFrame, isolation: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a statement; a kind of region that was not measured gives no rows. ``isolation`` is for ``wide``."""
    rows = [*_core_findings(perplexity), *_matrix_findings(effect_matrix)]
    whole = ["samples", "count", "of"]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(whole, "Int64"))


def _core_findings(perplexity: pd.DataFrame) -> Iterator[dict]:
    table = mean_over_seeds(perplexity[is_core(perplexity)], [*REGION, "language", "side"])
    table["p_value_holm"] = holm_within(table)
    for setting, part in table.groupby(REGION, dropna=False, sort=False):
        at = dict(zip(REGION, setting, strict=True))
        factors = part.pivot(index="language", columns="side", values="ratio_to_base")
        p_values = part.pivot(index="language", columns="side", values="p_value_holm")
        for side in [side for side in ("top", "random", "bottom") if side in factors]:
            yield {**at, "finding": "core_factor", "side": side, **_range(factors[side])}
        if {"top", "random", "bottom"} <= set(factors):
            ordered = (factors["top"] > factors["random"]) & (factors["random"] > factors["bottom"])
            yield {**at, "finding": "core_order", "count": ordered.sum(), "of": len(ordered)}
            significant = ordered & (p_values[["top", "bottom"]] < LEVEL).all(axis=1)
            yield {**at, "finding": "core_order_significant", "count": significant.sum(), "of": len(ordered)}


def _range(factors: pd.Series) -> dict:
    """Median, smallest and largest of factors by language, and whose they are."""
    ends = {"low": factors.min(), "high": factors.max()}
    return {"value": factors.median(), **ends, "language_low": factors.idxmin(), "language_high": factors.idxmax()}


def _matrix_findings(matrix: pd.DataFrame) -> Iterator[dict]:
    for setting, part in matrix.groupby(SETTING, dropna=False, sort=False):
        at = dict(zip(SETTING, setting, strict=True))
        own = part[part["region_language"] == part["language"]]
        significant = (own["p_value_holm"] < LEVEL) & (own["ratio_to_random"] > 1)
        yield {**at, "finding": "hits_itself_hardest", "count": (own["rank"] == 1).sum(), "of": len(own)}
        if own["ratio_to_random"].notna().any():
            first = (own["rank_to_random"] == 1).sum()
            yield {**at, "finding": "hits_itself_hardest_to_random", "count": first, "of": len(own)}
            yield {**at, "finding": "hits_itself_significant", "count": significant.sum(), "of": len(own)}
        yield from ({**at, "finding": "effect_on_itself", **_cell(row)} for _, row in own.iterrows())
        ordered = part.sort_values("ratio_to_base", ascending=False, kind="stable")
        for region_language, rows in ordered.groupby("region_language", sort=False):
            others = rows[rows["language"] != region_language]
            for finding, (_, row) in zip(("hit_second", "hit_third"), others.iterrows(), strict=False):
                yield {**at, "finding": finding, **_cell(row)}
        others = ordered[ordered["region_language"] != ordered["language"]]
        if len(others):
            yield {**at, "finding": "largest_effect_on_another", **_cell(others.iloc[0])}


def _cell(row: pd.Series) -> dict:
    """One cell of the effect matrix as columns of a finding."""
    return {
        "region": row["region"],
        "region_language": row["region_language"],
        "language": row["language"],
        "value": row["ratio_to_base"],
    }


def wide(
    findings: pd.DataFrame, labels: layout.Labels = None, isolation: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """A part a model and kind of region, with what it shows in a sentence; then the table `isolation` in short."""
    parts = {}
    is_core_finding = findings["finding"].isin(["core_factor", "core_order", "core_order_significant"])
    for (model, samples), rows in findings[is_core_finding].groupby(["model", "samples"], dropna=False, sort=False):
        parts[f"Core region removed: {model}, {markup.number(samples)} samples"] = _core_part(rows)
    for setting, rows in findings[~is_core_finding].groupby(SETTING, dropna=False, sort=False):
        model, scope, samples, ratio = setting
        heading = f"Region of one language removed: {layout.setting(model, samples, ratio, scope)}"
        parts[f"{heading}\n{_matrix_sentence(rows, labels)}"] = _matrix_part(rows, labels)
    return parts | ({} if isolation is None else in_short(isolation, labels))


def _core_part(rows: pd.DataFrame) -> pd.DataFrame:
    """A line a region and ratio."""
    lines = []
    for (_, region, _, _, ratio), part in rows.groupby(REGION, dropna=False, sort=False):
        line = {"Region": region, "Removed": markup.percent(ratio)}
        for _, row in part[part["finding"] == "core_factor"].iterrows():
            line[row["side"].capitalize()] = f"{markup.number(row['low'])} to {markup.number(row['high'])}"
        line["Top > random > bottom"] = _count(part, "core_order")
        line["significantly"] = _count(part, "core_order_significant")
        lines.append(line)
    return pd.DataFrame(lines)


def _matrix_sentence(rows: pd.DataFrame, labels: layout.Labels) -> str:
    hardest, to_random = _count(rows, "hits_itself_hardest"), _count(rows, "hits_itself_hardest_to_random")
    sentence = f"Hits its own language hardest: {hardest}; relative to random: {to_random}; "
    sentence += f"own effect significant: {_count(rows, 'hits_itself_significant')}."
    for _, row in rows[rows["finding"] == "largest_effect_on_another"].iterrows():
        pair = f"{layout.name(row['region_language'], labels)} on {layout.name(row['language'], labels)}"
        sentence += f"\nLargest effect on another language: {pair}, {markup.number(row['value'])}."
    hidden = rows["region_language"].nunique() - SHOWN_REGIONS
    return sentence + (f"\n{hidden} more regions are in the table effect_matrix." if hidden > 0 else "")


def _matrix_part(rows: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    """A line a region: its own language, and the two that it hits hardest besides."""
    order = languages.order_by_family(rows["region_language"].dropna().unique(), labels)[:SHOWN_REGIONS]
    part = pd.DataFrame({"Region of": [layout.name(label, labels) for label in order]})
    for finding, heading in (("effect_on_itself", "Itself"), ("hit_second", "Next"), ("hit_third", "Then")):
        cells = rows[rows["finding"] == finding].set_index("region_language").reindex(order)
        names = [f"{layout.name(label, labels)} " if pd.notna(label) else "" for label in cells["language"]]
        numbers = [markup.number(value) for value in cells["value"]]
        part[heading] = numbers if heading == "Itself" else list(map("".join, zip(names, numbers, strict=True)))
    return part


def _count(rows: pd.DataFrame, finding: str) -> str:
    """``12 of 12``, or – where it was not looked at."""
    found = rows[rows["finding"] == finding]
    return markup.MISSING if found.empty else f"{found['count'].iloc[0]} of {found['of'].iloc[0]}"


TABLE = Table(
    "Main findings",
    NOTE,
    COLUMNS,
    {"perplexity": read_table, "effect_matrix": read_table, "isolation": read_optional},
    build,
    wide,
    shown=("isolation",),
)
