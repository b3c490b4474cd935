"""What the regions of two languages share, over the whole model, and what chance gives."""

import pandas as pd

from langatlas import statistics
from langatlas.present import columns, layout, matrix
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", "samples", "scope", "side", "ratio", "language_a", "language_b",
    {
        "intersection": "parameters in both regions",
        "union": "parameters in either region",
    },
    "jaccard", "jaccard_by_chance", "times_chance",
)  # fmt: skip
SETTING = ["model", "samples", "scope", "side", "ratio"]
PAIR = ["language_a", "language_b"]
NOTE = "Jaccard index (shared / in either) divided by that of random regions with as many parameters in every matrix."


def build(counts: pd.DataFrame) -> pd.DataFrame:
    """Jaccard index of the regions of every pair of languages over the whole model, and what chance gives.

    ``counts``: one row a pair and matrix. Chance: random regions with as many parameters in every matrix.
    """
    rows = []
    for key, pair in counts.groupby([*SETTING, *PAIR], dropna=False, sort=False):
        jaccard = pair["intersection"].sum() / pair["union"].sum() if pair["union"].sum() else float("nan")
        by_chance = statistics.expected_jaccard(pair["n_a"], pair["n_b"], pair["n_parameters"])
        row = dict(zip([*SETTING, *PAIR], key, strict=True))
        row |= {name: pair[name].sum() for name in ("intersection", "union")}
        row |= {"jaccard": jaccard, "jaccard_by_chance": by_chance}
        rows.append(row | {"times_chance": jaccard / by_chance if by_chance else float("nan")})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"samples": "Int64"})


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, side and ratio: languages x languages, how many times more they share than chance gives."""
    parts = {}
    for (model, samples, scope, side, ratio), part in table.groupby(SETTING, dropna=False, sort=False):
        heading = f"{layout.setting(model, samples, ratio, scope)}: {side}, times chance"
        parts[heading] = matrix.square(part, "times_chance", labels)
    return parts


TABLE = Table("What the regions of two languages share", NOTE, COLUMNS, {"counts": read_tables}, build, wide)
