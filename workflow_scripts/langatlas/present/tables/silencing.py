"""What silencing the neurons of a language does to every language, beside two random controls and as published.

Axes: I series (silenced against base, against each control), S sequences, R resamples.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.neuron_files import BY_FREQUENCY
from langatlas.present import columns, layout, matrix, paired
from langatlas.present.perplexity_rows import read_files
from langatlas.present.table import Table, paths

NOTE = """Neurons of the language of a row are held at 0; columns are tested languages. × base: perplexity divided by that of
the unchanged model. × random: divided by that with as many other neurons of every layer held at 0; × as active: by that with
others of the same layers that are about as often active in the silenced language (geometric means over seeds). Bold: hit
hardest. Log-perplexity as published (Tang et al. 2024, arXiv 2402.16438): mean over sequences of each one's mean NLL."""
COLUMNS = columns.of(
    "model", "experiment", "method", "region", "region_language", "language", "side", "n_neurons",
    *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "p_value", "p_value_holm",
    columns.interval(
        "ratio_to_frequency",
        "perplexity / that with as many random neurons of the same layers silenced that are as often active",
    ),
    {
        "frequency_p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against that control",
        "frequency_p_value_holm": "frequency_p_value adjusted (Holm) for all languages tested with the same neurons",
        "log_perplexity_published": "mean over sequences of each sequence's mean NLL in nats, as LAPE's release prints it",
        "log_perplexity_change_published": "log_perplexity_published minus that of the unchanged model",
    },
    "n_seeds", "n_sequences", "rank",
)  # fmt: skip
SAME = ["model", "experiment", "region"]  # tests of one set of neurons in all languages are corrected together
AGAINST = {"ratio_to_base": None, "ratio_to_random": "p_value", "ratio_to_frequency": "frequency_p_value"}
PARTS = {
    "ratio_to_base": "× base",
    "ratio_to_random": "× random neurons of the same layers",
    "ratio_to_frequency": "× random neurons that are as active",
    "log_perplexity_change_published": "log-perplexity as published, increase",
}


def build(rows: Iterable[str], *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, set of neurons and tested language; ``rows``: perplexity files of experiments with neurons.

    Random controls: mean NLL over their seeds. Intervals and p-values as in the table `perplexity`; ``rank`` 1 is the
    language that a set hits hardest.
    """
    settings = {"resamples": resamples, "permutations": permutations, "seed": seed}
    table = pd.concat([_of_file(part, **settings) for part in read_files(sorted(map(str, rows)))], ignore_index=True)
    for name in filter(None, AGAINST.values()):
        table[f"{name}_holm"] = paired.holm(table, SAME, name)
    table["rank"] = table.groupby(SAME)["ratio_to_base"].rank(ascending=False, method="min").astype("Int64")
    return table.reindex(columns=list(COLUMNS))


def _of_file(rows: pd.DataFrame, **settings: int) -> pd.DataFrame:
    """The table of one model, experiment and tested language, without what compares languages."""
    base = rows[rows["side"] == "base"]
    tokens_S = base.sort_values("sequence")["n_tokens"].to_numpy(np.float64)
    lines = []
    for region, part in rows[rows["edit"] == "silence"].groupby("region", sort=False):
        own, random = part[part["side"] != "random"], part[part["side"] == "random"]
        kinds = random["setting"].str.endswith(BY_FREQUENCY).map({True: "ratio_to_frequency", False: "ratio_to_random"})
        series = [own.assign(series="own"), base.assign(series="ratio_to_base"), random.assign(series=kinds)]
        message = f"{region}, {base['language'].iloc[0]}: controls were measured on other sequences: measure them again"
        nll = paired.by_item(pd.concat(series), "series", message)
        line = own.iloc[0][["model", "experiment", "language", "region", "region_language", "side"]].to_dict()
        line |= {"method": region.split("-")[0], "n_neurons": int(own["lines"].iloc[0])}
        line |= {"n_seeds": random["seed"].nunique() or None, "n_sequences": len(tokens_S)}
        line["log_perplexity_published"] = float((nll.loc["own"] / tokens_S).mean())
        line["log_perplexity_change_published"] = float(((nll.loc["own"] - nll.loc["ratio_to_base"]) / tokens_S).mean())
        for ratio in nll.index.drop("own"):
            difference_1S = (nll.loc["own"] - nll.loc[ratio]).to_numpy()[None]
            compared = paired.compared(ratio, AGAINST[ratio], difference_1S, tokens_S, **settings)
            line |= {column: values[0] for column, values in compared.items()}
        lines.append(line)
    return pd.DataFrame(lines)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method, side and number: silenced language × tested language."""
    parts = {}
    for (model, method, side), part in table.groupby(["model", "method", "side"], sort=False):
        numbers = part.groupby("region_language")["n_neurons"].first()
        for column, meaning in PARTS.items():
            cells = part.pivot_table(index="region_language", columns="language", values=column)
            if cells.empty:
                continue
            page = matrix.effects(cells, labels, "Neurons of")
            page.insert(1, "Number", list(numbers.loc[languages.order_by_family(cells.index, labels)]))
            parts[f"{model}: {method}, {side}: {meaning}"] = page
    return parts


TABLE = Table("Perplexity after silencing the neurons of a language", NOTE, COLUMNS, {"rows": paths}, build, wide)
