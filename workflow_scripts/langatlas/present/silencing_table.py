"""What silencing the neurons of a language does to every language, beside two random controls and as published.

Axes: I series (silenced against base, against each control), S sequences, R resamples.
"""

import os
from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.intervene.silencing import BY_FREQUENCY
from langatlas.present import columns, markup, wide_tables
from langatlas.present.perplexity_table import read_rows

NOTE = """Neurons of the language of a row are held at 0; columns are tested languages. × base: perplexity divided by that of
the unchanged model. × random: divided by that with as many other neurons of every layer held at 0; × as active: by that with
others of the same layers that are about as often active in the silenced language (geometric means over seeds). Bold: hit
hardest. Log-perplexity as published (Tang et al. 2024, arXiv 2402.16438): mean over sequences of each one's mean NLL."""
COLUMNS = [
    "model", "experiment", "method", "region", "region_language", "language", "side", "n_neurons",
    *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "p_value", "p_value_holm",
    *columns.with_interval("ratio_to_frequency"), "frequency_p_value", "frequency_p_value_holm",
    "log_perplexity_published", "log_perplexity_change_published", "n_seeds", "n_sequences", "rank",
]  # fmt: skip
SAME = ["model", "experiment", "region"]  # tests of one set of neurons in all languages are corrected together
AGAINST = {"ratio_to_base": None, "ratio_to_random": "p_value", "ratio_to_frequency": "frequency_p_value"}
PARTS = {
    "ratio_to_base": "× base",
    "ratio_to_random": "× random neurons of the same layers",
    "ratio_to_frequency": "× random neurons that are as active",
    "log_perplexity_change_published": "log-perplexity as published, increase",
}


def silencing(paths: Iterable[str | os.PathLike], *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, set of neurons and tested language, from perplexity files of experiments with neurons.

    Random controls: mean NLL over their seeds. Intervals and p-values as in the table `perplexity`; ``rank`` 1 is the
    language that a set hits hardest.
    """
    tables = [_of_file(read_rows(path), resamples, permutations, seed) for path in sorted(map(str, paths))]
    table = pd.concat(tables, ignore_index=True)
    for name in filter(None, AGAINST.values()):
        table[f"{name}_holm"] = table.groupby(SAME)[name].transform(statistics.holm)
    table["rank"] = table.groupby(SAME)["ratio_to_base"].rank(ascending=False, method="min").astype("Int64")
    return table.reindex(columns=COLUMNS)


def _of_file(rows: pd.DataFrame, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """The table of one model, experiment and tested language, without what compares languages."""
    base = _nll(rows[rows["side"] == "base"])
    tokens_S = rows[rows["side"] == "base"].sort_values("sequence")["n_tokens"].to_numpy(np.float64)
    lines = []
    for region, part in rows[rows["edit"] == "silence"].groupby("region", sort=False):
        own, random = part[part["side"] != "random"], part[part["side"] == "random"]
        by_frequency = random["setting"].str.endswith(BY_FREQUENCY)
        treated = _nll(own)
        controls = {
            "ratio_to_base": base,
            "ratio_to_random": _nll(random[~by_frequency]),
            "ratio_to_frequency": _nll(random[by_frequency]),
        }
        line = own.iloc[0][["model", "experiment", "language", "region", "region_language", "side"]].to_dict()
        line |= {"method": region.split("-")[0], "n_neurons": int(own["lines"].iloc[0])}
        line |= {"n_seeds": random["seed"].nunique() or None, "n_sequences": len(tokens_S)}
        line["log_perplexity_published"] = float((treated / tokens_S).mean())
        line["log_perplexity_change_published"] = float(((treated - base) / tokens_S).mean())
        for name, control in controls.items():
            if control is not None:
                line |= _compared(name, treated - control, tokens_S, resamples, permutations, seed)
        lines.append(line)
    return pd.DataFrame(lines)


def _nll(rows: pd.DataFrame) -> np.ndarray | None:
    """NLL of each sequence (S,), the mean over seeds; None where there are no rows."""
    return rows.groupby("sequence")["nll_nats"].mean().to_numpy() if len(rows) else None


def _compared(name: str, difference_S, tokens_S, resamples: int, permutations: int, seed: int) -> dict[str, float]:
    """A ratio of perplexities with its interval, and the p-value that goes with it."""
    sums_R2 = statistics.bootstrap_sums(np.vstack([difference_S, tokens_S]), resamples, seed)
    ends = statistics.percentile_interval(sums_R2[:, :1] / sums_R2[:, 1:])[:, 0] if len(tokens_S) > 1 else [np.nan] * 2
    logs = np.array([difference_S.sum() / tokens_S.sum(), *ends])
    found = dict(zip(columns.with_interval(name), statistics.exp_or_inf(logs), strict=True))
    if AGAINST[name]:
        found[AGAINST[name]] = statistics.sign_flip_p_values(difference_S[None], permutations, seed)[0]
    return found


def wide_silencing(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, method, side and number: silenced language × tested language, the largest of a row in bold."""
    parts = {}
    for (model, method, side), part in table.groupby(["model", "method", "side"], sort=False):
        sizes = part.drop_duplicates("region_language").set_index("region_language")["n_neurons"]
        for column, meaning in PARTS.items():
            wide = part.pivot_table(index="region_language", columns="language", values=column)
            if wide.empty:
                continue
            wide = wide.loc[languages.order_by_family(wide.index, labels), languages.order_by_family(wide, labels)]
            cells = pd.DataFrame(
                [[_bold(value == row.max(), value) for value in row] for _, row in wide.iterrows()], columns=list(wide)
            )
            cells.insert(0, "Neurons of", [wide_tables.name(label, labels) for label in wide.index])
            cells.insert(1, "Number", [int(sizes[label]) for label in wide.index])
            parts[f"{model}: {method}, {side}: {meaning}"] = cells
    return parts


def _bold(condition: bool, value: float) -> str:
    text = markup.number(value)
    return markup.strong(text) if condition else text
