"""How alike the importances of two languages are."""

import pandas as pd

from langatlas.present import columns, layout, markup, matrix
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", "samples", "language_a", "language_b", "spearman",
    {"cosine": "cosine similarity of the two languages' importance"},
    "n_parameters",
)  # fmt: skip
NOTE = (
    "spearman: correlation of the ranks of absolute importance. cosine: of absolute importance, ruled by the largest."
)


def build(counts: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation and cosine of the importances of every pair of languages, as compared."""
    return counts[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, milestone and measure: languages x languages."""
    return {
        f"{model}, {markup.number(samples)} samples: {measure}": matrix.square(part, measure, labels)
        for (model, samples), part in table.groupby(["model", "samples"], dropna=False, sort=False)
        for measure in ("spearman", "cosine")
    }


TABLE = Table("How alike the importances of two languages are", NOTE, COLUMNS, {"counts": read_tables}, build, wide)
