"""How much of each language's region lies in its neurons."""

import pandas as pd

from langatlas import languages
from langatlas.models.adapters import ALL_MODULES
from langatlas.present import columns, layout, markup, matrix, paired
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", "region", "region_language", "samples", "ratio", "method",
    {"neuron_language": "language whose neurons they are"},
    "module", "n_neurons", "n_selected",
    {
        "n_in_lines": "selected parameters that lie in lines of the neurons",
        "line_share": "n_in_lines / n_selected of the module (mlp: gate, up and down together)",
        "line_share_of_whole": "n_in_lines / parameters of the region in all matrices",
        "line_share_by_chance": "mean line_share of as many random neurons of every layer",
        "line_times_chance": "line_share / line_share_by_chance",
        "line_p_value": "one-sided: how often as many random neurons of every layer hold as much of the region",
        "line_p_value_holm": "line_p_value adjusted (Holm) for all languages' neurons with the same region and method",
        "line_rank": "1 = the language whose neurons hold most of the region, by line_times_chance",
    },
)  # fmt: skip
REGION = ["model", "region", "region_language", "samples", "ratio", "method"]
NOTE = """How much of a language's region lies in lines of neurons: their rows of gate and up and their columns of down.
Cells: share of the region's parameters in these matrices, and how many times what as many random neurons of every layer hold
(p: of a random draw that holds as much, Holm over all languages' neurons). Bold: the region's own language. Whole: share of all
of the region, attention included, that lies in the own neurons."""


def build(counts: pd.DataFrame) -> pd.DataFrame:
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
    table["line_p_value_holm"] = paired.holm(table, [*REGION, "module"], "line_p_value")
    groups = table.groupby([*REGION, "module"], dropna=False, sort=False)
    table["line_rank"] = groups["line_times_chance"].rank(ascending=False, method="min").astype("Int64")
    return table[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and method: languages of the regions at the rows, of the neurons at the columns; then gate, up, down."""
    parts = {}
    for (model, method), part in table.groupby(["model", "method"], sort=False):
        every = part[part["module"] == ALL_MODULES]
        heading = f"{model}, {method}"
        parts[f"{heading}\n{_sentence(every)}"] = _shares(every, labels)
        own = part[part["region_language"] == part["neuron_language"]]
        wide = own.pivot(index="region_language", columns="module", values="line_times_chance")
        parts[f"{heading}: own neurons, times chance by matrix"] = matrix.named(wide, labels, "Region of")
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


def _shares(part: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    order = languages.order_by_family(part["region_language"].unique(), labels)
    neurons = languages.order_by_family(part["neuron_language"].unique(), labels)
    rows = part.set_index(["region_language", "neuron_language"])
    lines = []
    for label in order:
        line = {"Region of": layout.name(label, labels)}
        for other in neurons:
            row = rows.loc[(label, other)]
            text = f"{markup.percent(round(row['line_share'], 4))} (×{markup.number(row['line_times_chance'])})"
            line[f"neurons of {other}"] = markup.strong(text) if other == label else text
        own = rows.loc[(label, label)]
        lines.append(
            line | {"p, own": own["line_p_value_holm"], "Whole": markup.percent(round(own["line_share_of_whole"], 4))}
        )
    return pd.DataFrame(lines)


TABLE = Table(
    "How much of each language's region lies in its neurons", NOTE, COLUMNS, {"counts": read_tables}, build, wide
)
