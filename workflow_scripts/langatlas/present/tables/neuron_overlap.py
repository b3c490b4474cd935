"""How many neurons two languages share: ours, then the published model."""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from langatlas import statistics
from langatlas.neuron_files import NeuronSet
from langatlas.present import columns, layout, matrix, neuron_sets
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "method", "side", "language_a", "language_b",
    {
        "shared_neurons": "neurons of both languages",
        "neuron_jaccard": "shared_neurons / neurons of either language",
        "neuron_jaccard_by_chance": "expected neuron_jaccard of as many random neurons of each",
    },
    "published_source",
)  # fmt: skip
NOTE = """Neurons that two languages share; in the second part the Jaccard index divided by that of as many random
neurons. Published: Tang et al. 2024 (arXiv 2402.16438), LLaMA-2-7B."""


def build(
    neurons: Sequence[NeuronSet], published_neuron_counts: pd.DataFrame, published_neuron_overlap: pd.DataFrame
) -> pd.DataFrame:
    """One row a pair of languages."""
    rows = []
    for found, setting, masks in neuron_sets.by_side(neurons):
        for a, b in combinations(found.languages, 2):
            sizes = int(masks[a].sum()), int(masks[b].sum())
            total = found.shape[0] * found.shape[1]
            rows.append(setting | _pair(a, b, int((masks[a] & masks[b]).sum()), sizes, total))
    sizes = published_neuron_counts.set_index(["model", "language"])
    for model, a, b, shared in published_neuron_overlap.itertuples(index=False):
        if a < b:
            pair = tuple(int(sizes.loc[(model, label), "neurons"]) for label in (a, b))
            setting = {"model": model, "method": "lape", "side": "top", "published_source": neuron_sets.SOURCE}
            rows.append(setting | _pair(a, b, shared, pair, int(sizes.loc[(model, a), "total_neurons"])))
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def _pair(a: str, b: str, shared: int, sizes: tuple[int, int], total: int) -> dict:
    union = sum(sizes) - shared
    return {
        "language_a": a,
        "language_b": b,
        "shared_neurons": shared,
        "neuron_jaccard": shared / union if union else float("nan"),
        "neuron_jaccard_by_chance": statistics.expected_jaccard(*sizes, total),
    }


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method and side: shared neurons, and as a multiple of chance; languages x languages by family."""
    parts = {}
    table = table.assign(times=table["neuron_jaccard"] / table["neuron_jaccard_by_chance"].where(lambda x: x > 0))
    for (model, method, side), part in table.groupby(neuron_sets.SETTING, sort=False):
        published = "" if part["published_source"].isna().all() else ", published"
        for value, meaning in (("shared_neurons", "neurons shared"), ("times", "times chance")):
            parts[f"{model}{published}: {method}, {side}, {meaning}"] = matrix.square(part, value, labels)
    return parts


TABLE = Table(
    "How many neurons two languages share",
    NOTE,
    COLUMNS,
    {
        "neurons": neuron_sets.read_sets,
        "published_neuron_counts": neuron_sets.read_published,
        "published_neuron_overlap": neuron_sets.read_published,
    },
    build,
    wide,
)
