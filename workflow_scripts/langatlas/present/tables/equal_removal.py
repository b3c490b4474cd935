"""What removing sets of equal size does to every language, beside random parameters or neurons as many."""

from collections.abc import Iterable

import pandas as pd

from langatlas import languages
from langatlas.present import columns, equal_sets, layout, matrix, paired
from langatlas.present.perplexity_rows import summarized
from langatlas.present.table import Table, paths

COLUMNS = columns.of(
    "model", "experiment", "size_share", "method", "side", "seed", "region_language", "language", "n_parameters",
    "ratio", *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "p_value",
    "p_value_holm",
)  # fmt: skip
NOTE = f"""Factor by which removing the set of a language (row) multiplies the perplexity of each language (column). Bold:
hit hardest. {equal_sets.NOTE}"""


def build(rows: Iterable[str], regions: equal_sets.Sizes, **settings: int) -> pd.DataFrame:
    """One row a set and tested language. Sets without parameters are left out. ``rows``: perplexity files."""
    table = equal_sets.named(summarized(rows, **settings), regions)
    adjusted = paired.holm(table, [*equal_sets.TESTED, "method", "region_language"])
    return table.assign(p_value_holm=adjusted)[list(COLUMNS)].reset_index(drop=True)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and share: languages at the rows; the tested ones at the columns, once for each method."""
    parts = {}
    chosen = table[table["side"] == "top"]
    for (model, experiment, share), part in chosen.groupby(equal_sets.TESTED, sort=False):
        tested = languages.order_by_family(part["language"].unique(), labels)
        pages = [part.groupby("region_language")["n_parameters"].first().rename("Parameters")]
        for method, rows in part.groupby("method", sort=False):
            cells = rows.pivot(index="region_language", columns="language", values="ratio_to_base")
            pages.append(matrix.bold_largest(cells.reindex(columns=tested)).add_prefix(f"{method}: "))
        heading = f"{model}, {experiment}: {equal_sets.of_the_largest(share)}"
        parts[heading] = matrix.named(pd.concat(pages, axis=1), labels, "Language")
    return parts


TABLE = Table(
    "Removal of regions and neurons of equal size",
    NOTE,
    COLUMNS,
    {"rows": paths, "regions": equal_sets.numbers_of_parameters},
    build,
    wide,
)
