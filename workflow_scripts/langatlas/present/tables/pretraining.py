"""Further pretraining with a region removed or frozen: perplexity at every milestone."""

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, layout, markup, paired
from langatlas.present.table import Table
from langatlas.present.trained_arms import ARM, EXPERIMENT, heading, read_rows, stages

COLUMNS = columns.of(
    "model", "experiment", "train_language", "learning_rate", "region", "ratio", "mode", "side", "master", "seed",
    "training_samples",
    {"optimizer_steps": "optimizer steps so far"},
    "language", *columns.with_interval("perplexity"), *columns.with_interval("ratio_to_base"), "n_sequences",
)  # fmt: skip
RECOVERED = 0.1  # of the log factor that corrected removal leaves: below, nothing is left of the removal
NOTE = """× before: perplexity divided by that of the model before anything was done to it, after so many training
samples; geometric mean over seeds. freeze: held at its original values; zero-freeze: set to zero and held; zero-unfreeze: set to
zero, then free. published: the region is zeroed in the working copy of the weights only, as in the released trainer, and every
optimizer step copies the untouched master over it. corrected: zeroed in the master as well."""


def build(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row an arm, seed, language and milestone; ``training_samples`` empty: before anything was done."""
    tables = []
    keys = [*EXPERIMENT, *ARM, "seed", "language"]
    for key, part in rows.groupby(keys, dropna=False, sort=False):
        table = part.drop_duplicates("training_samples")[["training_samples", "optimizer_steps"]].reset_index(drop=True)
        nll_KS, tokens_S = stages(part)
        logs = paired.drawn_means(nll_KS, tokens_S, resamples, seed)
        numbers = paired.interval("perplexity", logs) | paired.interval("ratio_to_base", logs - logs[:, :1])
        tables.append(table.assign(**numbers, **dict(zip(keys, key, strict=True)), n_sequences=len(tokens_S)))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part an experiment and tested language (none beyond four), a row an arm, a column a milestone."""
    parts = {}
    for key, rows in table.groupby(EXPERIMENT, dropna=False, sort=False):
        tested = languages.order_by_family(rows["language"].unique(), labels)
        for language in tested[:4]:
            part = rows[rows["language"] == language]
            caption = f"{heading(key, labels)}, tested on {layout.name(language, labels)}\n{master_weights(part)}"
            parts[caption.rstrip()] = _curves(part)
    return parts


def _curves(part: pd.DataFrame) -> pd.DataFrame:
    measured = part[part["training_samples"].notna()].assign(log=lambda table: np.log(table["ratio_to_base"]))
    wide = measured.groupby([*ARM, "training_samples"], sort=False)["log"].mean().unstack("training_samples")
    wide = statistics.exp_or_inf(wide[sorted(wide.columns)])
    wide.columns = [f"× before, {count:,} samples" for count in wide.columns]
    return wide.reset_index().rename(columns={"mode": "Mode", "side": "Side", "master": "Master weights"})


def master_weights(part: pd.DataFrame) -> str:
    """Whether recovery after removal is the optimizer's doing, from zero-unfreeze of one tested language; else empty."""
    free = part[(part["mode"] == "zero-unfreeze") & (part["side"] == "top") & (part["optimizer_steps"] > 0)]
    if set(free["master"]) != {"published", "corrected"}:
        return ""
    first = free["training_samples"].min()
    at = free[free["training_samples"] == first]
    log = np.log(at["ratio_to_base"]).groupby(at["master"]).mean()
    factors = {name: markup.number(float(np.exp(value))) for name, value in log.items()}
    steps = int(at["optimizer_steps"].min())
    sentence = (
        f"After {steps} optimizer steps ({first:,} samples) the model with its region removed and freed stands at "
        f"{factors['published']} × before with the published master weights, at {factors['corrected']} × with corrected ones. "
    )
    if log["corrected"] > np.log(1.05) and abs(log["published"]) < RECOVERED * log["corrected"]:
        return (
            sentence
            + "So the published recovery is an artefact of the optimizer: its master copy puts the removed weights back."
        )
    return sentence + "So the recovery is not explained by the master weights alone."


TABLE = Table("Further pretraining with a region removed or frozen", NOTE, COLUMNS, {"rows": read_rows}, build, wide)
