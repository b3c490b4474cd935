"""Whether a language's important neurons are the active ones."""

import pandas as pd

from langatlas.present import columns, layout, matrix
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", "samples", "language", "layer",
    {
        "activation_rho": "Spearman's rank correlation over neurons of importance and activation frequency; no layer: "
        "the mean",
        "activation_rho_low": "lower end of its 95 % bootstrap interval over neurons",
        "activation_rho_high": "upper end of its 95 % bootstrap interval over neurons",
        "activation_rho_others": "mean of the same with activation frequencies in the other languages",
    },
)  # fmt: skip
NOTE = """Spearman's rank correlation over the neurons of a layer: importance (summed over all parameters of the neuron) and
the share of tokens on which it is active, both of one language, with the 95 % bootstrap interval over neurons. Others: the
mean correlation of the same importance with activation in the other languages; where it is as large, what is correlated is
not about the language."""


def build(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a model, language and layer; an empty layer is the mean over layers."""
    names = {
        "rho": "activation_rho",
        "low": "activation_rho_low",
        "high": "activation_rho_high",
        "others": "activation_rho_others",
    }
    return counts.rename(columns=names)[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model: languages at the rows, layers at the columns, the mean and that of other languages behind them."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        mean = part[part["layer"].isna()].set_index("language")
        wide = part[part["layer"].notna()].pivot(index="language", columns="layer", values="activation_rho")
        wide = wide.rename(columns=lambda layer: f"layer {layer}")
        wide["Mean [95 %]"] = layout.cells(mean.loc[wide.index], "activation_rho")
        wide["Others"] = mean["activation_rho_others"]
        parts[model] = matrix.named(wide, labels, "Language")
    return parts


TABLE = Table(
    "Whether a language's important neurons are the active ones",
    NOTE,
    COLUMNS,
    {"counts": read_tables},
    build,
    wide,
)
