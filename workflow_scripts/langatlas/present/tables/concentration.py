"""Are regions concentrated in few lines, or in neighbours?"""

import pandas as pd

from langatlas.present import columns, layout, markup
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", *columns.REGION, "parameter", "layer", "module",
    {
        "measure": "moran (neighbours in the matrix), gini-AXIS (counts by line of head, residual or ffn)",
        "statistic": "value of the measure",
        "null_mean": "its mean when as many parameters lie anywhere in the matrix",
        "null_sd": "its standard deviation then",
        "z": "(statistic - null_mean) / null_sd",
        "null_p_value": "one-sided, as concentrated or more by chance",
    },
)  # fmt: skip
NOTE = """Moran's I: whether selected parameters lie beside each other in a matrix as stored. Gini: whether few
lines of an axis (head, residual, ffn) hold most of them. By chance: as many parameters anywhere in the same matrix; z: distance
from that in standard deviations."""


def build(counts: pd.DataFrame) -> pd.DataFrame:
    """As measured (``locate.concentration``)."""
    return counts[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, a row a region and measure: median over matrices beside the null, share of matrices with p < 0.05."""
    parts = {}
    for (model, samples, ratio), rows in table.groupby(["model", "samples", "ratio"], dropna=False, sort=False):
        lines = []
        for (region, measure), part in rows.groupby(["region", "measure"], sort=False):
            line = {"Region": region, "Measure": measure, "Median": part["statistic"].median()}
            line |= {"By chance": part["null_mean"].median(), "Median z": part["z"].median()}
            lines.append(line | {"Matrices, p < 0.05": f"{(part['null_p_value'] < 0.05).sum()} of {len(part)}"})
        parts[f"{model}, top {markup.percent(float(ratio))} of each matrix, {samples} samples"] = pd.DataFrame(lines)
    return parts


TABLE = Table("Are regions concentrated?", NOTE, COLUMNS, {"counts": read_tables}, build, wide)
