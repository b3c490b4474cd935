"""How well unchanged models predict held-out text: rows of the table `perplexity`."""

import pandas as pd

from langatlas.present import columns, layout, matrix
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "language", *columns.with_interval("perplexity"), *columns.with_interval("bits_per_byte"),
    "n_sequences", "n_tokens", "n_bytes",
)  # fmt: skip
NOTE = """How well the unchanged model predicts held-out text. Bits per byte do not depend on the tokenizer, so they compare
models; neither number compares languages, whose texts and bytes differ. Intervals: 95 % bootstrap over sequences."""


def build(perplexity: pd.DataFrame) -> pd.DataFrame:
    """One row a model and language."""
    rows = perplexity[perplexity["side"] == "base"].drop_duplicates(["model", "language"])
    return rows[list(COLUMNS)].reset_index(drop=True)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a language."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        rows = part.set_index("language")
        cells = {
            "Perplexity [95 %]": layout.cells(rows, "perplexity"),
            "Bits per byte [95 %]": layout.cells(rows, "bits_per_byte"),
        }
        counted = {"Sequences": rows["n_sequences"], "Tokens": rows["n_tokens"], "Bytes": rows["n_bytes"]}
        parts[model] = matrix.named(pd.DataFrame(cells | counted, index=rows.index), labels, "Language")
    return parts


TABLE = Table(
    "Perplexity of the unchanged model on held-out text", NOTE, COLUMNS, {"perplexity": read_table}, build, wide
)
