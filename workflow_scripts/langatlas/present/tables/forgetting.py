"""What is learnt and what is forgotten in further pretraining with a region removed or frozen.

Axes: R resamples, S sequences, E seeds, L languages.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, paired
from langatlas.present.table import Table
from langatlas.present.trained_arms import ARM, EXPERIMENT, heading, read_rows, stages

COLUMNS = columns.of(
    "model", "experiment", "train_language", "learning_rate", "region", "ratio", "mode", "side", "master",
    {"tested": "trained (the language of the training text) or others (geometric mean over all other languages)"},
    *columns.with_interval("ratio_to_base"),
    columns.interval("ratio_to_full", "perplexity / that after training without any region held"),
    columns.interval("ratio_to_frozen_random", "perplexity / that after training with as many random parameters frozen"),
    "n_seeds", "n_languages",
)  # fmt: skip
NOTE = """Perplexity after training on one language divided by before: below 1 is learnt, above 1 is forgotten. Others:
geometric mean over all other languages. Intervals: 95 % bootstrap over test sequences and seeds together (few seeds make them
coarse). × full and × random frozen: the same divided by full training, and by freezing as many random parameters."""


def build(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """Gain in the trained language and loss in all others at the last milestone, for each mode and side.

    Only of experiments with an arm of full training: without it nothing says what would have been forgotten.
    """
    lines = []
    for key, part in rows.groupby(EXPERIMENT, dropna=False, sort=False):
        if "full" not in set(part["mode"]):
            continue
        changes = {arm: _changes(one, resamples, seed) for arm, one in part.groupby(ARM, sort=False)}
        trained = key[EXPERIMENT.index("train_language")]
        for arm, (tested, change) in changes.items():
            groups = {"trained": [trained], "others": [label for label in tested if label != trained]}
            for name, labels in groups.items():
                where = [tested.index(label) for label in labels if label in tested]
                if not where:
                    continue
                line = dict(zip([*EXPERIMENT, *ARM], [*key, *arm], strict=True)) | {"tested": name}
                line |= {"n_seeds": change.shape[1], "n_languages": len(where)}
                line |= _mean("ratio_to_base", change, where)
                for column, other in (
                    ("ratio_to_full", ("full", "none")),
                    ("ratio_to_frozen_random", ("freeze", "random")),
                ):
                    control = next((changes[a][1] for a in changes if a[:2] == other and a != arm), None)
                    if control is not None and control.shape == change.shape:
                        line |= _mean(column, change - control, where)
                lines.append(line)
    return pd.DataFrame(lines).reindex(columns=list(COLUMNS))


def _changes(rows: pd.DataFrame, resamples: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Languages; log of (last perplexity / first) by seed and language, drawn: (1 + R, E, L).

    Sequences are resampled alike for all seeds and arms of a language, so differences between arms are paired; seeds
    are resampled with replacement, alike for all arms.
    """
    tested, seeds = list(dict.fromkeys(rows["language"])), sorted(rows["seed"].unique())
    change = np.empty((1 + resamples, len(seeds), len(tested)))
    for e, one in enumerate(seeds):
        for i, language in enumerate(tested):
            nll_KS, tokens_S = stages(rows[(rows["seed"] == one) & (rows["language"] == language)])
            change[:, e, i] = paired.drawn_means((nll_KS[-1] - nll_KS[0])[None], tokens_S, resamples, seed)[:, 0]
    drawn_RE = np.random.default_rng(seed).integers(0, len(seeds), (resamples, len(seeds)))
    change[1:] = np.take_along_axis(change[1:], drawn_RE[:, :, None], axis=1)
    return tested, change


def _mean(name: str, change: np.ndarray, languages: list[int]) -> dict[str, float]:
    """Geometric mean over seeds and some of the languages, and its interval."""
    return paired.interval(name, change[:, :, languages].mean(axis=(1, 2)))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part an experiment, a row an arm: the trained language, the others, and both against controls."""
    parts = {}
    for key, rows in table.groupby(EXPERIMENT, dropna=False, sort=False):
        lines = []
        for (mode, side, master), arm in rows.groupby(ARM, sort=False):
            line = {"Mode": mode, "Side": side, "Master weights": master}
            for tested, cells in arm.set_index("tested").iterrows():
                line[f"{tested.capitalize()} × before"] = layout.cell(cells, "ratio_to_base")
                line[f"{tested.capitalize()} × full"] = layout.cell(cells, "ratio_to_full")
                line[f"{tested.capitalize()} × random frozen"] = layout.cell(cells, "ratio_to_frozen_random")
            lines.append(line)
        parts[f"{heading(key, labels)}\n{protection(rows)}".rstrip()] = pd.DataFrame(lines)
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
    return f"{layout.cell(row, column)} of {control} ({word})"


TABLE = Table(
    "What is learnt and what is forgotten in further pretraining", NOTE, COLUMNS, {"rows": read_rows}, build, wide
)
