"""Each control region against the core, on the same sequences: how much less does removing it hurt, and how sure is that?

Two ratios to base with their intervals do not say whether they differ: what makes a sequence hard for one removal makes it
hard for the other. So the difference is taken sequence by sequence, as for random controls in the table `perplexity`.

Axes: C control regions of one language, S sequences, R resamples.
"""

import os
from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.present import columns
from langatlas.present.perplexity_table import is_removal, read_rows
from langatlas.present.removal_tables import CORE_REGIONS

CORE, SAME_TEXT = "core", "core-few"
"""The core, and the core from as few samples as other scores: more text alone could make the first look better than they."""


def control_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of removed control regions, and of the core and its random control at the same ratio, named core and core-random.

    ``table``: the table `perplexity`, or rows of perplexity files. Of several milestones of the core the last is taken, and of
    its languages those in which controls were measured.
    """
    removed = table[is_removal(table) & (table["scope"] == "matrix") & table["region_language"].isna()]
    chosen = removed[~removed["region"].isin(CORE_REGIONS)]
    core = removed[(removed["region"] == CORE) & removed["side"].isin(["top", "random"])]
    core = core[core["ratio"].isin(chosen["ratio"].unique())]
    core = core[core["samples"] == core.groupby("model")["samples"].transform("max")]
    if len(chosen):
        # A median over more languages than the controls were measured in would compare other languages, not other regions.
        core = core.merge(chosen[["model", "language"]].drop_duplicates())
    return pd.concat([core.assign(region=core["region"].where(core["side"] == "top", "core-random")), chosen])


def against_core(paths: Iterable[str | os.PathLike], *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, language and control: its perplexity / that of its reference, interval, paired p, and that by Holm.

    ``paths``: perplexity files of the experiments with the core and with the controls. Random regions are the mean NLL over
    seeds. The reference of a score that was taken from fewer samples is the core from as few, where that was measured.
    Raises ValueError where both experiments did not measure the same sequences.
    """
    if not (read := [read_rows(path) for path in paths]):
        return pd.DataFrame(columns=columns.AGAINST_CORE)
    rows = control_rows(pd.concat(read, ignore_index=True))
    settings = {"resamples": resamples, "permutations": permutations, "seed": seed}
    tables = [
        _of_language(part, **settings).assign(model=model, language=language)
        for (model, language), part in rows.groupby(["model", "language"], sort=False)
    ]
    if not tables:
        return pd.DataFrame(columns=columns.AGAINST_CORE)
    table = pd.concat(tables, ignore_index=True)
    by_region = table.groupby(["model", "region"])["reference_p_value"]
    return table.assign(reference_p_value_holm=by_region.transform(statistics.holm))[columns.AGAINST_CORE]


def _of_language(rows: pd.DataFrame, *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """The controls of one model and language, without those columns."""
    # An experiment may measure a region twice; the mean over seeds is that over equal rows too.
    nll = rows.pivot_table(index="sequence", columns="region", values="nll_nats", aggfunc="mean", observed=True)
    tokens = rows.groupby("sequence")["n_tokens"]
    if nll.isna().any(axis=None) or (tokens.nunique() > 1).any():
        which = rows[["model", "language"]].iloc[0].tolist()
        raise ValueError(
            f"{' '.join(which)}: the core and its controls were not measured on the same sequences: rerun them"
        )
    references = _references(rows)
    regions = [region for region in nll.columns if region in references]
    difference_CS = np.array([(nll[region] - nll[references[region]]).to_numpy() for region in regions])
    if not regions:
        return pd.DataFrame(columns=columns.AGAINST_CORE).drop(columns=["model", "language"])
    series = np.vstack([difference_CS, tokens.first().to_numpy(np.float64)])
    sums_RC = statistics.bootstrap_sums(series, resamples, seed)
    ends = (
        statistics.percentile_interval(sums_RC[:, :-1] / sums_RC[:, [-1]])
        if series.shape[1] > 1
        else np.full((2, len(regions)), np.nan)
    )
    logs = np.vstack([difference_CS.sum(axis=1) / series[-1].sum(), ends])
    table = pd.DataFrame({"region": regions, "reference": [references[region] for region in regions]})
    table[columns.with_interval("ratio_to_reference")] = statistics.exp_or_inf(logs).T
    return table.assign(reference_p_value=statistics.sign_flip_p_values(difference_CS, permutations, seed))


def _references(rows: pd.DataFrame) -> dict[str, str]:
    """Which core each region stands against: that from as many samples, else the core; none for the core itself."""
    samples = rows.drop_duplicates("region").set_index("region")["samples"]
    if CORE not in samples.index:
        return {}
    few = samples.get(SAME_TEXT)
    others = [region for region in samples.index if region != CORE]
    return {r: SAME_TEXT if few is not None and samples[r] == few and r != SAME_TEXT else CORE for r in others}
