"""Removal of each language's own region, measured in every language: the regions paper's Table 5 for every region language."""

from collections.abc import Mapping

import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, published_numbers, removal
from langatlas.present.perplexity_rows import is_monolingual
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "region", "region_language", "language", "scope", "samples", "side", "ratio",
    *columns.with_interval("perplexity"), *columns.with_interval("ratio_to_base"),
    *columns.with_interval("ratio_to_random"), "perplexity_seed_min", "perplexity_seed_max",
    "ratio_to_base_seed_min", "ratio_to_base_seed_max", "p_value", "n_seeds", "p_value_holm",
    {"published_samples": "importance samples behind the published numbers of this row"},
    "published_model", "published_perplexity", "published_ratio_to_base", "llama_2_7b_ratio_to_base",
    "perplexity_to_published", "published_source",
)  # fmt: skip
KEYS = ["model", "region", "region_language", "language", "scope", "samples", "side", "ratio"]
NOTE = f"""{removal.NOTE}
The region of a language is the top part of each matrix without those of the other languages of regions.against; languages hit
hardest first. Random: as many parameters of each matrix. Published for Russian: Zhang et al. 2024 (arXiv 2402.14700), Table 5."""


def build(perplexity: pd.DataFrame, published: pd.DataFrame, published_as: Mapping[str, str]) -> pd.DataFrame:
    """One row a model, region, language, side and ratio. ``published``: ``published_numbers.load_monolingual``.

    A published row stands beside ours where the region language is the same; its number of importance samples is ours, or
    else the largest that was published (``published_samples``).
    """
    table = removal.mean_over_seeds(removal.with_base(perplexity, is_monolingual(perplexity)), KEYS)
    table["p_value_holm"] = removal.holm_within(table)
    milestones = published["samples"].dropna().unique()
    table["published_samples"] = table["samples"].where(
        table["samples"].isin(milestones), max(milestones, default=pd.NA)
    )
    table["published_samples"] = table["published_samples"].where(table["samples"].notna(), pd.NA)
    on = ["region_language", "language", "scope", "side", "published_samples"]
    renamed = published.rename(columns={"samples": "published_samples"})
    table = published_numbers.beside(table, renamed, on, published_as, published_numbers.MONOLINGUAL_SOURCE)
    return table.assign(published_samples=table["published_samples"].where(table["published_source"].notna(), pd.NA))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and region, a row a language, hardest hit first, published numbers beside ours."""
    parts = {}
    keys = ["model", "scope", "samples", "ratio"]
    for (model, scope, samples, ratio), removed in table[table["side"] != "base"].groupby(keys, dropna=False):
        base = table[(table["model"] == model) & (table["side"] == "base")]
        for region_language in languages.order_by_family(removed["region_language"].unique(), labels):
            rows = removed[removed["region_language"] == region_language]
            part = pd.concat([base, rows])
            top = rows[rows["side"] == "top"].sort_values("ratio_to_base", ascending=False)
            heading = (
                f"Region of {layout.name(region_language, labels)}: {layout.setting(model, samples, ratio, scope)}"
            )
            parts[heading] = removal.languages_by_side(part, list(top["language"]), labels)
    return parts


TABLE = Table(
    "Perplexity after removing the region of one language",
    NOTE,
    COLUMNS,
    {"perplexity": read_table, "published": published_numbers.load_monolingual},
    build,
    wide,
)
