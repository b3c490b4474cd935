"""How many neurons belong to each language: ours, then the published models."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.neuron_files import NeuronSet
from langatlas.present import columns, layout, markup, neuron_sets
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "method", "side", "language", "n_neurons", "neuron_share",
    {"n_unique": "neurons that belong to any language"},
    "n_total", "published_source",
)  # fmt: skip
NOTE = """Neurons: intermediate features of feed-forward layers. lape: lowest entropy of activation probability over
languages; precision: highest (top) or lowest (bottom) average precision of the mean activation as a sign of the language,
as many for each language by construction. A neuron may belong to several languages.
Published: Tang et al. 2024 (arXiv 2402.16438)."""


def build(neurons: Sequence[NeuronSet], published_neuron_counts: pd.DataFrame) -> pd.DataFrame:
    """One row a model, method, side and language."""
    rows = []
    for found, setting, masks in neuron_sets.by_side(neurons):
        total = found.shape[0] * found.shape[1]
        unique = int(np.logical_or.reduce(list(masks.values())).sum())
        rows += [
            setting | {"language": language, "n_neurons": int(mask.sum()), "n_unique": unique, "n_total": total}
            for language, mask in masks.items()
        ]
    renamed = {"neurons": "n_neurons", "unique_neurons": "n_unique", "total_neurons": "n_total"}
    known = published_neuron_counts.rename(columns=renamed)
    known = known.assign(method="lape", side="top", published_source=neuron_sets.SOURCE)
    table = pd.concat([pd.DataFrame(rows), known], ignore_index=True)
    table["neuron_share"] = table["n_neurons"] / table["n_total"]
    return table.reindex(columns=list(COLUMNS))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a method and side, a row a model, a column a language: neurons, and what percent of all they are."""
    parts = {}
    for (method, side), part in table.groupby(["method", "side"], sort=False):
        order = languages.order_by_family(part["language"].unique(), labels)
        lines = []
        for model, rows in part.groupby("model", sort=False):
            first, own = rows.iloc[0], rows.set_index("language")
            published = "" if pd.isna(first["published_source"]) else ", published"
            line = {"Model": f"{model}{published}", "Neurons": f"{first['n_total']:,}"}
            line["of any language"] = f"{first['n_unique']:,} ({markup.percent(first['n_unique'] / first['n_total'])})"
            cells = {label: f"{own.loc[label, 'n_neurons']:,}" if label in own.index else None for label in order}
            lines.append(line | cells)
        parts[f"{method}, {side}"] = pd.DataFrame(lines)
    return parts


TABLE = Table(
    "How many neurons belong to each language",
    NOTE,
    COLUMNS,
    {"neurons": neuron_sets.read_sets, "published_neuron_counts": neuron_sets.read_published},
    build,
    wide,
)
