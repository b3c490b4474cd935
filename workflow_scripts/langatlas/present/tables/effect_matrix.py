"""What removing the region of each language does to each language."""

import pandas as pd

from langatlas.present import columns, layout, matrix, removal
from langatlas.present.perplexity_rows import is_monolingual
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "region", "region_language", "language", "scope", "samples", "ratio",
    *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "p_value", "p_value_holm",
    "rank",
    {"rank_to_random": "the same by ratio_to_random"},
)  # fmt: skip
NOTE = """Factor by which removing the region of a language (row) multiplies the perplexity of each language (column).
Bold: hit hardest by this region. What another language of regions.against has too is not in the region, so it is
smaller than the ratio says."""


def build(perplexity: pd.DataFrame) -> pd.DataFrame:
    """What removing the region of each language (top side) does to each language, with ranks within a region's row."""
    table = perplexity[is_monolingual(perplexity) & (perplexity["side"] == "top")]
    table = table.drop_duplicates([*removal.REGION, "language"])  # the same removal in two experiments
    table = table.assign(p_value_holm=removal.holm_within(table))
    for rank, ratio in (("rank", "ratio_to_base"), ("rank_to_random", "ratio_to_random")):
        ranks = table.groupby(removal.REGION, dropna=False)[ratio].rank(ascending=False, method="min")
        table = table.assign(**{rank: ranks.astype("Int64")})
    return table[list(COLUMNS)].reset_index(drop=True)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """Rows: region of; columns: test language. To base, and to random."""
    parts = {}
    for (model, scope, samples, ratio), part in table.groupby(["model", "scope", "samples", "ratio"], dropna=False):
        for column, meaning in (("ratio_to_base", "the unchanged model"), ("ratio_to_random", "the random control")):
            cells = part.pivot(index="region_language", columns="language", values=column)
            if cells.notna().any(axis=None):
                heading = f"{layout.setting(model, samples, ratio, scope)}: perplexity divided by that of {meaning}"
                parts[heading] = matrix.effects(cells, labels, "Region of")
    return parts


TABLE = Table(
    "Effect of each language's region on each language", NOTE, COLUMNS, {"perplexity": read_table}, build, wide
)
