"""The tables about removal by name: how each is built, laid out for people, and explained."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from langatlas.present import published, removal_tables, wide_tables

COMMON = """× base: perplexity divided by that of the unchanged model, with the 95 % bootstrap interval over test sequences.
p, top: paired permutation test of top against random, Holm-adjusted over languages and sides."""
CORE_NOTE = f"""{COMMON}
Random: mean over seeds, with the range over seeds. Published: Zhang et al. 2024 (arXiv 2402.14700), other test text and
tokenizer; perplexities stand beside ours for the same model only. Its Chinese base of LLaMA-2-7B (8.652) is 8.562 elsewhere."""
MONOLINGUAL_NOTE = f"""{COMMON}
The region of a language is the top part of each matrix without those of the other languages of regions.against; languages hit
hardest first. Random: as many parameters of each matrix. Published for Russian: Zhang et al. 2024 (arXiv 2402.14700), Table 5."""
BASE_NOTE = """How well the unchanged model predicts held-out text. Bits per byte do not depend on the tokenizer, so they compare
models; neither number compares languages, whose texts and bytes differ. Intervals: 95 % bootstrap over sequences."""
MATRIX_NOTE = """Factor by which removing the region of a language (row) multiplies the perplexity of each language (column).
Bold: hit hardest by this region. What another language of regions.against has too is not in the region, so it is
smaller than the ratio says."""


@dataclass(frozen=True, slots=True)
class RemovalTable:
    """``build(perplexity, path of published numbers, published_as)`` makes it, ``wide(table, labels)`` lays it out."""

    title: str
    note: str
    build: Callable[[pd.DataFrame, str | None, dict], pd.DataFrame]
    wide: Callable[[pd.DataFrame, wide_tables.Labels], dict[str, pd.DataFrame]]


REMOVAL_TABLES = {
    "base_perplexity": RemovalTable(
        "Perplexity of the unchanged model on held-out text",
        BASE_NOTE,
        lambda perplexity, path, same: removal_tables.base_perplexity(perplexity),
        wide_tables.wide_base_perplexity,
    ),
    "core_removal": RemovalTable(
        "Perplexity after removing the core region",
        CORE_NOTE,
        lambda perplexity, path, same: removal_tables.core_removal(perplexity, published.load_core(path), same),
        wide_tables.wide_core_removal,
    ),
    "monolingual_removal": RemovalTable(
        "Perplexity after removing the region of one language",
        MONOLINGUAL_NOTE,
        lambda perplexity, path, same: removal_tables.monolingual_removal(
            perplexity, published.load_monolingual(path), same
        ),
        wide_tables.wide_monolingual_removal,
    ),
    "effect_matrix": RemovalTable(
        "Effect of each language's region on each language",
        MATRIX_NOTE,
        lambda perplexity, path, same: removal_tables.effect_matrix(perplexity),
        wide_tables.wide_effect_matrix,
    ),
}
