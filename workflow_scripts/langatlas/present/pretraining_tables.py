"""Tables of further pretraining with a region removed or frozen: perplexity at every milestone, and what is forgotten.

Axes: R resamples, S sequences, E seeds, L languages.
"""

import os
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, markup, wide_tables
from langatlas.present.measured import read_measured

ARM = ["mode", "side", "master"]
EXPERIMENT = ["model", "experiment", "train_language", "learning_rate", "region", "ratio"]
STAGE = ["training_samples", "optimizer_steps"]
RECOVERED = 0.1  # of the log factor that corrected removal leaves: below, nothing is left of the removal
PRETRAINING_NOTE = """× before: perplexity divided by that of the model before anything was done to it, after so many training
samples; geometric mean over seeds. freeze: held at its original values; zero-freeze: set to zero and held; zero-unfreeze: set to
zero, then free. published: the region is zeroed in the working copy of the weights only, as in the released trainer, and every
optimizer step copies the untouched master over it. corrected: zeroed in the master as well."""
FORGETTING_NOTE = """Perplexity after training on one language divided by before: below 1 is learnt, above 1 is forgotten. Others:
geometric mean over all other languages. Intervals: 95 % bootstrap over test sequences and seeds together (few seeds make them
coarse). × full and × random frozen: the same divided by full training, and by freezing as many random parameters."""


def read_rows(paths: Iterable[str | os.PathLike]) -> pd.DataFrame:
    """Rows of all arms. Raises ValueError where a test NLL is not finite before training."""
    rows = read_measured(sorted(map(str, paths)))
    rows = rows.astype({"training_samples": "Int64"})
    before = rows[rows["training_samples"].isna()]
    if not np.isfinite(before["nll_nats"]).all():
        raise ValueError("the NLL of a test sequence is not finite before training")
    return rows


def pretraining(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row an arm, seed, language and milestone; ``training_samples`` empty: before anything was done."""
    tables = []
    for key, part in rows.groupby([*EXPERIMENT, *ARM, "seed", "language"], dropna=False, sort=False):
        stages = part.drop_duplicates("training_samples")[STAGE].reset_index(drop=True)
        nll_KS, tokens_S = _stages(part)
        tokens = tokens_S.sum()
        sums_RK = statistics.bootstrap_sums(np.vstack([nll_KS, tokens_S]), resamples, seed)
        logs_RK = sums_RK[:, :-1] / sums_RK[:, -1:]
        point_K = nll_KS.sum(1) / tokens
        for name, point, resampled in (
            ("perplexity", point_K, logs_RK),
            ("ratio_to_base", point_K - point_K[0], logs_RK - logs_RK[:, :1]),
        ):
            ends = statistics.percentile_interval(resampled)
            stages[columns.with_interval(name)] = statistics.exp_or_inf(np.vstack([point, ends])).T
        described = dict(zip([*EXPERIMENT, *ARM, "seed", "language"], key, strict=True))
        tables.append(stages.assign(**described, n_sequences=len(tokens_S)))
    return pd.concat(tables, ignore_index=True)[columns.PRETRAINING]


def _stages(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """NLL by stage and sequence (K, S) in the order of training, before first; tokens of each sequence (S,)."""
    order = part["training_samples"].fillna(-1).astype(int)
    nll = part.assign(stage=order).pivot(index="stage", columns="sequence", values="nll_nats").sort_index()
    tokens = part.drop_duplicates("sequence").set_index("sequence")["n_tokens"].loc[nll.columns]
    return nll.to_numpy(), tokens.to_numpy(np.float64)


def forgetting(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """Gain in the trained language and loss in all others at the last milestone, for each mode and side.

    Only of experiments with an arm of full training: without it nothing says what would have been forgotten.
    """
    tables = []
    for key, part in rows.groupby(EXPERIMENT, dropna=False, sort=False):
        if "full" not in set(part["mode"]):
            continue
        changes = {
            arm: _changes(one, resamples, seed) for arm, one in part.groupby(["mode", "side", "master"], sort=False)
        }
        trained = key[EXPERIMENT.index("train_language")]
        for arm, (tested, point_EL, resampled_REL) in changes.items():
            groups = {"trained": [trained], "others": [label for label in tested if label != trained]}
            for name, labels in groups.items():
                where = [tested.index(label) for label in labels if label in tested]
                if not where:
                    continue
                row = dict(zip([*EXPERIMENT, *ARM], [*key, *arm], strict=True)) | {"tested": name}
                row |= {"n_seeds": len(point_EL), "n_languages": len(where)}
                row |= _interval("ratio_to_base", point_EL[:, where], resampled_REL[:, :, where])
                for column, other in (
                    ("ratio_to_full", ("full", "none")),
                    ("ratio_to_frozen_random", ("freeze", "random")),
                ):
                    control = next((changes[a] for a in changes if a[:2] == other and a != arm), None)
                    if control is not None and control[1].shape == point_EL.shape:
                        difference = (point_EL - control[1])[:, where], (resampled_REL - control[2])[:, :, where]
                        row |= _interval(column, *difference)
                tables.append(row)
    return pd.DataFrame(tables).reindex(columns=columns.FORGETTING)


def _changes(rows: pd.DataFrame, resamples: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Languages; log of (last perplexity / first) by seed and language (E, L); the same resampled (R, E, L).

    Sequences are resampled alike for all seeds and arms of a language, so differences between arms are paired; seeds
    are resampled with replacement, alike for all arms.
    """
    tested, seeds = list(dict.fromkeys(rows["language"])), sorted(rows["seed"].unique())
    point, resampled = np.empty((len(seeds), len(tested))), np.empty((resamples, len(seeds), len(tested)))
    for e, one in enumerate(seeds):
        for i, language in enumerate(tested):
            nll_KS, tokens_S = _stages(rows[(rows["seed"] == one) & (rows["language"] == language)])
            change_S = nll_KS[-1] - nll_KS[0]
            point[e, i] = change_S.sum() / tokens_S.sum()
            sums_RK = statistics.bootstrap_sums(np.vstack([change_S, tokens_S]), resamples, seed)
            resampled[:, e, i] = sums_RK[:, 0] / sums_RK[:, 1]
    drawn_RE = np.random.default_rng(seed).integers(0, len(seeds), (resamples, len(seeds)))
    return tested, point, np.take_along_axis(resampled, drawn_RE[:, :, None], axis=1)


def _interval(name: str, point_EL: np.ndarray, resampled_REL: np.ndarray) -> dict[str, float]:
    """Geometric mean over seeds and languages, and its interval."""
    ends = statistics.percentile_interval(resampled_REL.mean(axis=(1, 2))[:, None])[:, 0]
    values = statistics.exp_or_inf(np.array([point_EL.mean(), *ends]))
    return dict(zip(columns.with_interval(name), values, strict=True))


def wide_pretraining(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part an experiment and tested language (none beyond four), a row an arm, a column a milestone."""
    parts = {}
    for key, rows in table.groupby(EXPERIMENT, dropna=False, sort=False):
        model, experiment, trained, rate, region, ratio = key
        heading = f"{model}, {experiment}: trained on {wide_tables.name(trained, labels)}, learning rate {rate:g}, "
        heading += f"{region} {markup.percent(ratio)}"
        tested = languages.order_by_family(rows["language"].unique(), labels)
        for language in tested[:4]:
            part = rows[rows["language"] == language]
            sentence = master_weights(part)
            parts[
                f"{heading}, tested on {wide_tables.name(language, labels)}" + (f"\n{sentence}" if sentence else "")
            ] = _curves(part)
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


def wide_forgetting(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part an experiment, a row an arm: the trained language, the others, and both against controls."""
    parts = {}
    for key, rows in table.groupby(EXPERIMENT, dropna=False, sort=False):
        model, experiment, trained, rate, region, ratio = key
        lines = []
        for (mode, side, master), arm in rows.groupby(ARM, sort=False):
            line = {"Mode": mode, "Side": side, "Master weights": master}
            for tested, cells in arm.set_index("tested").iterrows():
                line[f"{tested.capitalize()} × before"] = _cell(cells, "ratio_to_base")
                line[f"{tested.capitalize()} × full"] = _cell(cells, "ratio_to_full")
                line[f"{tested.capitalize()} × random frozen"] = _cell(cells, "ratio_to_frozen_random")
            lines.append(line)
        heading = f"{model}, {experiment}: trained on {wide_tables.name(trained, labels)}, learning rate {rate:g}, "
        parts[f"{heading}{region} {markup.percent(ratio)}\n{protection(rows)}".rstrip()] = pd.DataFrame(lines)
    return parts


def protection(rows: pd.DataFrame) -> str:
    """Whether freezing the top region protects the other languages, in a sentence; empty where it was not tried."""
    arm = rows[(rows["mode"] == "freeze") & (rows["side"] == "top") & (rows["tested"] == "others")]
    if arm.empty or pd.isna(arm["ratio_to_full"].iloc[0]):
        return ""
    row = arm.iloc[0]
    said = [_verdict(row, "ratio_to_full", "full training")]
    if pd.notna(row["ratio_to_frozen_random"]):
        said.append(_verdict(row, "ratio_to_frozen_random", "freezing random parameters"))
    return f"With the top region frozen, the other languages stand at {' and '.join(said)}."


def _verdict(row: Mapping, column: str, control: str) -> str:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    word = "better" if high < 1 else "worse" if low > 1 else "no clear difference"
    return f"{_cell(row, column)} of {control} ({word})"


def _cell(row: Mapping, name: str) -> str:
    return markup.interval(*(row[column] for column in columns.with_interval(name)))


PRETRAINING_TABLES = {
    "pretraining": wide_tables.TableKind(
        "Further pretraining with a region removed or frozen", PRETRAINING_NOTE, pretraining, wide_pretraining
    ),
    "forgetting": wide_tables.TableKind(
        "What is learnt and what is forgotten in further pretraining", FORGETTING_NOTE, forgetting, wide_forgetting
    ),
}
