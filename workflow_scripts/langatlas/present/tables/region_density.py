"""Where regions lie: the share of the parameters of every matrix that a region holds."""

import pandas as pd

from langatlas.present import columns, layout, markup
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", *columns.REGION, "parameter", "layer", "module", "n_selected", "n_parameters",
    {"density": "n_selected / n_parameters"},
)  # fmt: skip
NOTE = "Percent of the parameters of each module, over all layers, that the region holds. The CSV has every matrix."


def build(counts: pd.DataFrame) -> pd.DataFrame:
    """Share of the parameters of every matrix that a region holds, as counted."""
    return counts[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a region, a column a module: percent of its parameters in the region, over all layers."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        keys = ["region", "samples", "side", "seed", "ratio"]
        order = part.groupby(keys, dropna=False, sort=False).ngroup()
        sums = part.groupby([order, part["module"]], sort=False)[["n_selected", "n_parameters"]].sum()
        percent = (100 * sums["n_selected"] / sums["n_parameters"]).unstack("module")[list(part["module"].unique())]
        head = part.loc[~order.duplicated(), keys].set_axis(percent.index)
        head["ratio"] = [markup.percent(ratio) for ratio in head["ratio"]]
        head = head.rename(columns=layout.HEADINGS | {"seed": "Seed"}).dropna(axis=1, how="all")
        parts[model] = head.join(percent)
    return parts


TABLE = Table("Where regions lie", NOTE, COLUMNS, {"counts": read_tables}, build, wide)
