"""In which layers the neurons of each language lie."""

from collections.abc import Sequence

import pandas as pd

from langatlas import languages
from langatlas.neuron_files import NeuronSet
from langatlas.present import columns, layout, neuron_sets
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "method", "side", "language", "layer", "n_neurons", "neuron_share", "n_total",
)  # fmt: skip
NOTE = "Neurons of each language in each layer, from 0; see neuron_counts. The figure neuron_layers shows the same."


def build(neurons: Sequence[NeuronSet]) -> pd.DataFrame:
    """One row a model, method, side, language and layer."""
    rows = []
    for found, setting, masks in neuron_sets.by_side(neurons):
        width = found.shape[1]
        rows += [
            setting
            | {"language": language, "layer": layer, "n_neurons": int(count), "neuron_share": count / width}
            | {"n_total": width}
            for language, mask in masks.items()
            for layer, count in enumerate(mask.sum(1))
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method and side, a row a layer, a column a language."""
    parts = {}
    for (model, method, side), part in table.groupby(neuron_sets.SETTING, sort=False):
        wide = part.pivot(index="layer", columns="language", values="n_neurons")
        wide = wide[languages.order_by_family(wide.columns, labels)]
        parts[f"{model}: {method}, {side}"] = wide.rename_axis(columns=None).reset_index(names="Layer")
    return parts


TABLE = Table(
    "In which layers the neurons of each language lie", NOTE, COLUMNS, {"neurons": neuron_sets.read_sets}, build, wide
)
