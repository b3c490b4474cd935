"""Tables of what regions and neurons share: how much of a region lies in neurons, how importance goes with activation."""

import pandas as pd

from langatlas import languages, statistics
from langatlas.locate.agreement import ALL_MODULES
from langatlas.present import markup, wide_tables

REGION = ["model", "region", "region_language", "samples", "ratio", "method"]
REGION_NEURONS = [
    "model", "region", "region_language", "samples", "ratio", "method", "neuron_language", "module", "n_neurons", "n_selected",
    "n_in_lines", "line_share", "line_share_of_whole", "line_share_by_chance", "line_times_chance", "line_p_value",
    "line_p_value_holm", "line_rank",
]  # fmt: skip
IMPORTANCE_ACTIVATION = [
    "model", "samples", "language", "layer",
    "activation_rho", "activation_rho_low", "activation_rho_high", "activation_rho_others",
]  # fmt: skip
SHARES_NOTE = """How much of a language's region lies in lines of neurons: their rows of gate and up and their columns of down.
Cells: share of the region's parameters in these matrices, and how many times what as many random neurons of every layer hold
(p: of a random draw that holds as much, Holm over all languages' neurons). Bold: the region's own language. Whole: share of all
of the region, attention included, that lies in the own neurons."""
RHO_NOTE = """Spearman's rank correlation over the neurons of a layer: importance (summed over all parameters of the neuron) and
the share of tokens on which it is active, both of one language, with the 95 % bootstrap interval over neurons. Others: the
mean correlation of the same importance with activation in the other languages; where it is as large, what is correlated is
not about the language."""


def region_neurons(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a region, method, language of the neurons and module: shares, chance and rank among languages.

    ``counts``: CSV of ``locate.agreement.region_in_neurons``, of all models.
    """
    selected, whole = (counts[name].where(counts[name] > 0) for name in ("n_selected", "n_region"))
    table = counts.rename(columns={"p_value": "line_p_value"}).assign(
        line_share=counts["n_in_lines"] / selected,
        line_share_of_whole=counts["n_in_lines"] / whole,
        line_share_by_chance=counts["by_chance"] / selected,
        line_times_chance=counts["n_in_lines"] / counts["by_chance"].where(counts["by_chance"] > 0),
    )
    groups = table.groupby([*REGION, "module"], dropna=False, sort=False)
    table["line_p_value_holm"] = groups["line_p_value"].transform(statistics.holm)
    table["line_rank"] = groups["line_times_chance"].rank(ascending=False, method="min").astype("Int64")
    return table[REGION_NEURONS]


def wide_region_neurons(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and method: languages of the regions at the rows, of the neurons at the columns; then gate, up, down."""
    parts = {}
    for (model, method), part in table.groupby(["model", "method"], sort=False):
        every = part[part["module"] == ALL_MODULES]
        heading = f"{model}, {method}"
        parts[f"{heading}\n{_sentence(every)}"] = _shares(every, labels)
        own = part[part["region_language"] == part["neuron_language"]]
        wide = own.pivot(index="region_language", columns="module", values="line_times_chance")
        wide = wide.loc[languages.order_by_family(wide.index, labels)].rename_axis(columns=None)
        wide.insert(0, "Region of", [wide_tables.name(label, labels) for label in wide.index])
        parts[f"{heading}: own neurons, times chance by matrix"] = wide.reset_index(drop=True)
    return parts


def _sentence(part: pd.DataFrame) -> str:
    own = part[part["region_language"] == part["neuron_language"]]
    others = part[part["region_language"] != part["neuron_language"]]
    sure = int(((own["line_p_value_holm"] < 0.05) & (own["line_times_chance"] > 1)).sum())
    first = int((own["line_rank"] == 1).sum())
    mine, theirs = (markup.number(rows["line_times_chance"].median()) for rows in (own, others))
    return (
        f"The own neurons hold {mine} times as much of a region as random ones (median; p < 0.05 in {sure} of {len(own)} "
        f"languages), those of other languages {theirs} times; of all languages' neurons the own ones hold most in {first} of "
        f"{len(own)}."
    )


def _shares(part: pd.DataFrame, labels: wide_tables.Labels) -> pd.DataFrame:
    order = languages.order_by_family(part["region_language"].unique(), labels)
    neurons = languages.order_by_family(part["neuron_language"].unique(), labels)
    rows = part.set_index(["region_language", "neuron_language"])
    lines = []
    for label in order:
        line = {"Region of": wide_tables.name(label, labels)}
        for other in neurons:
            row = rows.loc[(label, other)]
            text = f"{markup.percent(round(row['line_share'], 4))} (×{markup.number(row['line_times_chance'])})"
            line[f"neurons of {other}"] = markup.strong(text) if other == label else text
        own = rows.loc[(label, label)]
        lines.append(
            line | {"p, own": own["line_p_value_holm"], "Whole": markup.percent(round(own["line_share_of_whole"], 4))}
        )
    return pd.DataFrame(lines)


def importance_activation(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a model, language and layer; an empty layer is the mean over layers."""
    names = {
        "rho": "activation_rho",
        "low": "activation_rho_low",
        "high": "activation_rho_high",
        "others": "activation_rho_others",
    }
    return counts.rename(columns=names)[IMPORTANCE_ACTIVATION]


def wide_importance_activation(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model: languages at the rows, layers at the columns, the mean and that of other languages behind them."""
    parts = {}
    for model, part in table.groupby("model", sort=False):
        mean = part[part["layer"].isna()].set_index("language")
        wide = part[part["layer"].notna()].pivot(index="language", columns="layer", values="activation_rho")
        wide = wide.loc[languages.order_by_family(wide.index, labels)].rename(columns=lambda layer: f"layer {layer}")
        ends = mean[["activation_rho", "activation_rho_low", "activation_rho_high"]].loc[wide.index]
        wide["Mean [95 %]"] = [markup.interval(*row) for row in ends.itertuples(index=False)]
        wide["Others"] = mean["activation_rho_others"]
        wide.insert(0, "Language", [wide_tables.name(label, labels) for label in wide.index])
        parts[model] = wide.rename_axis(columns=None).reset_index(drop=True)
    return parts


AGREEMENT_TABLES = {
    "region_neurons": wide_tables.TableKind(
        "How much of each language's region lies in its neurons", SHARES_NOTE, region_neurons, wide_region_neurons
    ),
    "importance_activation": wide_tables.TableKind(
        "Whether a language's important neurons are the active ones",
        RHO_NOTE,
        importance_activation,
        wide_importance_activation,
    ),
}
