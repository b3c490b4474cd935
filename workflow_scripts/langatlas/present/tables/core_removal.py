"""Base, top, bottom and random removal of regions that belong to no single language; the regions paper's 3 % table."""

from collections.abc import Mapping

import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, published_numbers, removal
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "language", "region", "scope", "samples", "side", "ratio", *columns.with_interval("perplexity"),
    *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "perplexity_seed_min",
    "perplexity_seed_max", "ratio_to_base_seed_min", "ratio_to_base_seed_max", "p_value", "n_seeds", "p_value_holm",
    "published_model", "published_perplexity", "published_ratio_to_base", "llama_2_7b_ratio_to_base",
    "llama_2_13b_ratio_to_base", "perplexity_to_published", "published_source",
)  # fmt: skip
KEYS = ["model", "language", "region", "scope", "samples", "side", "ratio"]
NOTE = f"""{removal.NOTE}
Random: mean over seeds (the CSV has their range too). Published: Zhang et al. 2024 (arXiv 2402.14700), other test text and
tokenizer; perplexities stand beside ours for the same model only. Its Chinese base of LLaMA-2-7B (8.652) is 8.562 elsewhere."""


def build(perplexity: pd.DataFrame, published: pd.DataFrame, published_as: Mapping[str, str]) -> pd.DataFrame:
    """One row a model, language, region, side and ratio; random is the mean over seeds as in ``removal.mean_over_seeds``.

    ``published``: ``published_numbers.load_core``. The unchanged model is one row a language.
    """
    table = removal.mean_over_seeds(removal.with_base(perplexity, removal.is_core(perplexity)), KEYS)
    table["p_value_holm"] = removal.holm_within(table)
    return published_numbers.beside(
        table, published, ["language", "side", "scope", "ratio"], published_as, published_numbers.CORE_SOURCE
    )


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, region and ratio, a row a language, published numbers beside ours."""
    parts = {}
    keys = ["model", "region", "scope", "samples", "ratio"]
    for (model, region, scope, samples, ratio), removed in table[table["side"] != "base"].groupby(keys, dropna=False):
        part = pd.concat([table[(table["model"] == model) & (table["side"] == "base")], removed])
        order = languages.order_by_family(removed["language"].unique(), labels)
        parts[f"{layout.setting(model, samples, ratio, scope)}: region {region}"] = removal.languages_by_side(
            part, order, labels
        )
    return parts


TABLE = Table(
    "Perplexity after removing the core region",
    NOTE,
    COLUMNS,
    {"perplexity": read_table, "published": published_numbers.load_core},
    build,
    wide,
)
