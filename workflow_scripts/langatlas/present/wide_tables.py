"""The removal tables as people read them: one part a model and setting, languages by name, cells already worded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import markup, published
from langatlas.present.table import write_table

Labels = Mapping[str, Mapping[str, str]] | None  # the config's own labels, which are no languages
HEADINGS = {
    "region": "Region", "scope": "Scope", "samples": "Samples", "side": "Side", "ratio": "Ratio",
    "edit": "Edit", "setting": "Setting", "target": "Target", "lines": "Lines", "amount": "Amount",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableKind:
    """What a job writes under a name: ``build`` makes the tidy table, ``wide(table, labels)`` lays it out for people."""

    title: str
    note: str
    build: Callable[..., pd.DataFrame]
    wide: Callable[[pd.DataFrame, Labels], dict[str, pd.DataFrame]]

    def write(self, table: pd.DataFrame, csv: str, *, labels: Labels, code: str, settings: dict) -> None:
        """Write what ``build`` made as ``csv`` and, beside it, as people read it. ``settings``: what it was made with."""
        wide = self.wide(table, labels)
        write_table(table, csv, wide=wide, title=self.title, note=self.note, code=code, settings=settings)


def name(label: str, labels: Labels) -> str:
    """``Russian (ru)``."""
    language = languages.get(label, labels)
    return label if language.name == label else f"{language.name} ({label})"


def setting(model: str, samples, ratio: float, scope: str) -> str:
    """``mini, 3 % of each matrix, 256 samples``: what heads a part."""
    within = {"matrix": "of each matrix", "layer": "of each layer", "global": "of the model"}.get(scope, f"({scope})")
    return f"{model}, {markup.percent(ratio)} {within}, {markup.number(samples)} samples"


def wide_perplexity(table: pd.DataFrame, labels: Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and experiment, a row an intervention, a column a language (by family), perplexity in the cells.

    Random regions: geometric mean over seeds. Columns that are the same for all interventions are left out.
    """
    parts = {}
    for (model, experiment), part in table.groupby(["model", "experiment"], sort=False):
        removed = part["side"] != "base"
        keys = [key for key in HEADINGS if key in ("side", "ratio") or part.loc[removed, key].nunique(dropna=False) > 1]
        order = part.groupby(keys, dropna=False, sort=False).ngroup()
        logarithm = np.log(part["perplexity"]).groupby([order, part["language"]]).mean().unstack("language")
        cells = statistics.exp_or_inf(logarithm)[languages.order_by_family(logarithm.columns, labels)]
        head = part.loc[~order.duplicated(), keys].set_axis(cells.index)
        head["ratio"] = [markup.percent(ratio) if pd.notna(ratio) else None for ratio in head["ratio"]]
        parts[f"{model}, {experiment}"] = head.rename(columns=HEADINGS).join(cells)
    return parts


def wide_base_perplexity(table: pd.DataFrame, labels: Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a language."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        order = languages.order_by_family(part["language"], labels)
        rows = part.set_index("language").loc[order]
        cells = {"Language": [name(label, labels) for label in order]}
        for heading, column in (("Perplexity [95 %]", "perplexity"), ("Bits per byte [95 %]", "bits_per_byte")):
            ends = zip(rows[column], rows[f"{column}_low"], rows[f"{column}_high"], strict=True)
            cells[heading] = [markup.interval(*values) for values in ends]
        counted = {"Sequences": rows["n_sequences"], "Tokens": rows["n_tokens"], "Bytes": rows["n_bytes"]}
        parts[model] = pd.DataFrame(cells | {heading: list(column) for heading, column in counted.items()})
    return parts


def wide_core_removal(table: pd.DataFrame, labels: Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, region and ratio, a row a language, published numbers beside ours."""
    parts = {}
    keys = ["model", "region", "scope", "samples", "ratio"]
    for (model, region, scope, samples, ratio), removed in table[table["side"] != "base"].groupby(keys, dropna=False):
        part = pd.concat([table[(table["model"] == model) & (table["side"] == "base")], removed])
        order = languages.order_by_family(removed["language"].unique(), labels)
        parts[f"{setting(model, samples, ratio, scope)}: region {region}"] = _languages_by_side(part, order, labels)
    return parts


def wide_monolingual_removal(table: pd.DataFrame, labels: Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and region, a row a language, hardest hit first, published numbers beside ours."""
    parts = {}
    keys = ["model", "scope", "samples", "ratio"]
    for (model, scope, samples, ratio), removed in table[table["side"] != "base"].groupby(keys, dropna=False):
        base = table[(table["model"] == model) & (table["side"] == "base")]
        for region_language in languages.order_by_family(removed["region_language"].unique(), labels):
            rows = removed[removed["region_language"] == region_language]
            part = pd.concat([base, rows])
            top = rows[rows["side"] == "top"].sort_values("ratio_to_base", ascending=False)
            heading = f"Region of {name(region_language, labels)}: {setting(model, samples, ratio, scope)}"
            parts[heading] = _languages_by_side(part, list(top["language"]), labels)
    return parts


def wide_effect_matrix(table: pd.DataFrame, labels: Labels = None) -> dict[str, pd.DataFrame]:
    """Rows: region of; columns: test language; both by family; the largest of a row in bold. To base, and to random."""
    parts = {}
    for (model, scope, samples, ratio), part in table.groupby(["model", "scope", "samples", "ratio"], dropna=False):
        for column, meaning in (("ratio_to_base", "the unchanged model"), ("ratio_to_random", "the random control")):
            wide = part.pivot(index="region_language", columns="language", values=column)
            if wide.isna().all(axis=None):
                continue
            wide = wide.loc[languages.order_by_family(wide.index, labels), languages.order_by_family(wide, labels)]
            cells = wide.apply(
                lambda row: [_bold_if(value == row.max(), value) for value in row], axis=1, result_type="expand"
            )
            cells = cells.set_axis(wide.columns, axis=1)
            cells.insert(0, "Region of", [name(label, labels) for label in wide.index])
            parts[f"{setting(model, samples, ratio, scope)}: perplexity divided by that of {meaning}"] = cells
    return parts


def _bold_if(condition: bool, value: float) -> str:
    text = markup.number(value)
    return markup.strong(text) if condition else text


def _languages_by_side(part: pd.DataFrame, order: list[str], labels: Labels) -> pd.DataFrame:
    """A row a language (in ``order``): perplexity of each side, factors with their ranges, p-value, published numbers."""
    sides = {side: rows.set_index("language").reindex(order) for side, rows in part.groupby("side")}
    wide = pd.DataFrame({"Language": [name(label, labels) for label in order]})
    removed = [side for side in ("top", "random", "bottom") if side in sides]
    for side in ["base", *removed]:
        wide[side.capitalize()] = sides[side]["perplexity"].to_numpy()
    for side in removed:
        wide[f"{side.capitalize()} × base"] = _factors(sides[side])
    if "top" in sides and sides["top"]["p_value_holm"].notna().any():
        wide["p, top"] = sides["top"]["p_value_holm"].to_numpy()
    return wide.assign(**_published_cells(sides, removed))


def _factors(rows: pd.DataFrame) -> list[str]:
    """Ratios to base with their 95 % interval; for several random regions with the range over seeds instead."""
    seeds = rows["n_seeds"].fillna(0) > 1
    low = rows["ratio_to_base_seed_min"].where(seeds, rows["ratio_to_base_low"])
    high = rows["ratio_to_base_seed_max"].where(seeds, rows["ratio_to_base_high"])
    return [markup.interval(*row) for row in zip(rows["ratio_to_base"], low, high, strict=True)]


def _published_cells(sides: dict[str, pd.DataFrame], removed: list[str]) -> dict[str, list[str]]:
    """Published numbers as columns by heading: perplexities of the same model, and ratios to base of each model."""
    cells = {}
    for model in sides["base"]["published_model"].dropna().unique():
        heading = f"{model}, published: {' / '.join(['base', *removed])}"
        cells[heading] = _joined(sides, ["base", *removed], "published_perplexity")
    for model in published.MODELS:
        if (column := published.counterpart_column(model)) in sides["base"]:
            cells[f"{model} × base: {' / '.join(removed)}"] = _joined(sides, removed, column)
    return {heading: texts for heading, texts in cells.items() if any(text != markup.MISSING for text in texts)}


def _joined(sides: dict[str, pd.DataFrame], names: list[str], column: str) -> list[str]:
    """Numbers of several sides in one cell, separated by slashes; – where there is none of them."""
    values = pd.concat([sides[side][column] for side in names], axis=1)
    return [markup.MISSING if row.isna().all() else " / ".join(map(markup.number, row)) for _, row in values.iterrows()]
