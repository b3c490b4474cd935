"""Tables of language-specific neurons: how many, in which layers, how many two languages share; beside published counts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.locate.neuron_files import NeuronSet
from langatlas.present import markup, wide_tables

SOURCE = "Tang et al. 2024, arXiv 2402.16438, released neurons"
COUNTS = [
    "model", "method", "side", "language", "n_neurons", "neuron_share", "n_unique", "n_total", "published_source",
]  # fmt: skip
LAYERS = ["model", "method", "side", "language", "layer", "n_neurons", "neuron_share", "n_total"]
OVERLAP = [
    "model", "method", "side", "language_a", "language_b", "shared_neurons",
    "neuron_jaccard", "neuron_jaccard_by_chance", "published_source",
]  # fmt: skip
SETTING = ["model", "method", "side"]
COUNTS_NOTE = """Neurons: intermediate features of feed-forward layers. lape: lowest entropy of activation probability over
languages; precision: highest (top) or lowest (bottom) average precision of the mean activation as a sign of the language,
as many for each language by construction. A neuron may belong to several languages.
Published: Tang et al. 2024 (arXiv 2402.16438)."""
LAYERS_NOTE = (
    "Neurons of each language in each layer, from 0; see neuron_counts. The figure neuron_layers shows the same."
)
OVERLAP_NOTE = """Neurons that two languages share; in the second part the Jaccard index divided by that of as many random
neurons. Published: Tang et al. 2024 (arXiv 2402.16438), LLaMA-2-7B."""


def sides(found: NeuronSet) -> list[str]:
    """Sides that a set has: lape top only."""
    return ["top", "bottom"] if found.method == "precision" else ["top"]


def neuron_counts(sets: Sequence[NeuronSet], published: pd.DataFrame) -> pd.DataFrame:
    """One row a model, method, side and language: ours, then the published models."""
    rows = []
    for found in sets:
        total = found.shape[0] * found.shape[1]
        for side in sides(found):
            masks = {language: found.mask(language, side) for language in found.languages}
            unique = int(np.logical_or.reduce(list(masks.values())).sum())
            setting = {"model": found.metadata["model"], "method": found.method, "side": side}
            rows += [
                setting | {"language": language, "n_neurons": int(mask.sum()), "n_unique": unique, "n_total": total}
                for language, mask in masks.items()
            ]
    renamed = {"neurons": "n_neurons", "unique_neurons": "n_unique", "total_neurons": "n_total"}
    known = published.rename(columns=renamed).assign(method="lape", side="top", published_source=SOURCE)
    table = pd.concat([pd.DataFrame(rows), known], ignore_index=True)
    table["neuron_share"] = table["n_neurons"] / table["n_total"]
    return table.reindex(columns=COUNTS)


def neuron_layers(sets: Sequence[NeuronSet]) -> pd.DataFrame:
    """One row a model, method, side, language and layer."""
    rows = [
        {
            "model": found.metadata["model"], "method": found.method, "side": side, "language": language,
            "layer": layer, "n_neurons": int(count), "neuron_share": count / found.shape[1], "n_total": found.shape[1],
        }
        for found in sets
        for side in sides(found)
        for language in found.languages
        for layer, count in enumerate(found.mask(language, side).sum(1))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=LAYERS)


def neuron_overlap(sets: Sequence[NeuronSet], counts: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of languages: ours, then the published model's. ``counts``, ``overlap``: the published tables."""
    rows = []
    for found in sets:
        total = found.shape[0] * found.shape[1]
        for side in sides(found):
            masks = {language: found.mask(language, side) for language in found.languages}
            setting = {"model": found.metadata["model"], "method": found.method, "side": side}
            for a, b in combinations(found.languages, 2):
                sizes = int(masks[a].sum()), int(masks[b].sum())
                rows.append(setting | _pair(a, b, int((masks[a] & masks[b]).sum()), sizes, total))
    sizes = counts.set_index(["model", "language"])
    for model, a, b, shared in overlap.itertuples(index=False):
        if a < b:
            pair = tuple(int(sizes.loc[(model, label), "neurons"]) for label in (a, b))
            setting = {"model": model, "method": "lape", "side": "top", "published_source": SOURCE}
            rows.append(setting | _pair(a, b, shared, pair, int(sizes.loc[(model, a), "total_neurons"])))
    return pd.DataFrame(rows).reindex(columns=OVERLAP)


def _pair(a: str, b: str, shared: int, sizes: tuple[int, int], total: int) -> dict:
    union = sum(sizes) - shared
    return {
        "language_a": a,
        "language_b": b,
        "shared_neurons": shared,
        "neuron_jaccard": shared / union if union else float("nan"),
        "neuron_jaccard_by_chance": statistics.expected_jaccard(*sizes, total),
    }


def wide_counts(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
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


def wide_layers(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method and side, a row a layer, a column a language."""
    parts = {}
    for (model, method, side), part in table.groupby(SETTING, sort=False):
        wide = part.pivot(index="layer", columns="language", values="n_neurons")
        wide = wide[languages.order_by_family(wide.columns, labels)]
        parts[f"{model}: {method}, {side}"] = wide.rename_axis(columns=None).reset_index(names="Layer")
    return parts


def wide_overlap(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method and side: shared neurons, and as a multiple of chance; languages x languages by family."""
    parts = {}
    table = table.assign(times=table["neuron_jaccard"] / table["neuron_jaccard_by_chance"].where(lambda x: x > 0))
    for (model, method, side), part in table.groupby(SETTING, sort=False):
        published = "" if part["published_source"].isna().all() else ", published"
        for value, meaning in (("shared_neurons", "neurons shared"), ("times", "times chance")):
            turned = part.rename(columns={"language_a": "language_b", "language_b": "language_a"})
            square = pd.concat([part, turned]).pivot(index="language_a", columns="language_b", values=value)
            order = languages.order_by_family(square.index, labels)
            square = square.loc[order, order].reset_index(drop=True).rename_axis(columns=None)
            square.insert(0, "Language", [wide_tables.name(label, labels) for label in order])
            parts[f"{model}{published}: {method}, {side}, {meaning}"] = square
    return parts


NEURON_TABLES: Mapping[str, wide_tables.TableKind] = {
    "neuron_counts": wide_tables.TableKind(
        "How many neurons belong to each language", COUNTS_NOTE, neuron_counts, wide_counts
    ),
    "neuron_layers": wide_tables.TableKind(
        "In which layers the neurons of each language lie", LAYERS_NOTE, neuron_layers, wide_layers
    ),
    "neuron_overlap": wide_tables.TableKind(
        "How many neurons two languages share", OVERLAP_NOTE, neuron_overlap, wide_overlap
    ),
}


def read_published(paths: Iterable[str]) -> list[pd.DataFrame]:
    """Published tables, in the order of ``build``'s arguments; ``na`` may be a language."""
    return [pd.read_csv(path, keep_default_na=False) for path in paths]
