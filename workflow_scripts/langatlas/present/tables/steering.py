"""In which language a model writes when one language's neurons are silenced and another's are held at their mean."""

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, markup, paired
from langatlas.present.detected import in_language
from langatlas.present.measured import read_measured
from langatlas.present.table import Table

NOTE = """Greedy continuations of prompts in the source language; shares of texts by their language (py3langid among the tested
languages, probability at least 0.5; the rest is in none that can be told). Target: texts in the target language, with the 95 %
Wilson interval. Both: the source's neurons at 0 and the target's at their mean activation; silence and mean: one of the two;
random: as many other neurons of every layer, held at the same values. p: paired sign-flip test of both against random, over
prompts. A model that writes no language any more is not steered: see the share that cannot be told, and repetition."""
COLUMNS = columns.of(
    "model", "experiment", "method",
    {
        "source_language": "language of the prompts, whose neurons are silenced",
        "target_language": "language whose neurons are held at their mean activation",
        "steering_step": "base (nothing), silence, mean (one half of steering), both (steering), random (its control)",
    },
    "n_neurons",
    {
        "n_texts": "generated texts",
        "target_share": "share of the texts that are in the target language",
        "target_share_low": "lower end of its 95 % Wilson interval",
        "target_share_high": "upper end of its 95 % Wilson interval",
        "source_share": "share of the texts that are in the source language",
        "unknown_share": "share of the texts whose language cannot be told",
    },
    "repetition_rate",
    {
        "random_p_value": "two-sided paired sign-flip permutation test over prompts: texts in the target language, "
        "both against random",
    },
)  # fmt: skip
KEYS = ["model", "experiment", "method", "source_language", "target_language"]
STEPS = ("base", "silence", "mean", "both", "random")
Z = 1.959963984540054  # of a 95 % interval


def build(rows: pd.DataFrame, *, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, pair of languages and step of STEPS. ``rows``: of generation, one a text.

    A pair is judged by texts in the language that it leads away from.
    """
    rows = rows.assign(step=_step(rows), source_language=rows["language"], target_language=rows["target"])
    held = rows[(rows["step"] != "base") & (rows["region_language"] == rows["language"])]
    lines = []
    for key, part in held.groupby(KEYS, sort=False):
        source, target = key[-2:]
        same = (rows["model"] == key[0]) & (rows["experiment"] == key[1]) & (rows["language"] == source)
        steps = {"base": rows[same & (rows["step"] == "base")], **dict(tuple(part.groupby("step")))}
        hits = {step: _in(texts, target) for step, texts in steps.items()}
        for step in [step for step in STEPS if step in steps]:
            line = dict(zip(KEYS, key, strict=True)) | {"steering_step": step}
            line |= _shares(steps[step].sort_values("prompt_number"), source, target)
            if step == "both":
                difference = hits["both"] - hits["random"]
                told = np.isfinite(difference).all()
                line["random_p_value"] = paired.p_value(difference, permutations, seed) if told else np.nan
            lines.append(line)
    return pd.DataFrame(lines).reindex(columns=list(COLUMNS))


def _step(rows: pd.DataFrame) -> pd.Series:
    """What was done to the model, of STEPS."""
    setting = rows["setting"].where(rows["side"] != "random", "random")
    return setting.where(rows["side"] != "base", "base")


def _in(texts: pd.DataFrame, language: str) -> np.ndarray:
    """1 where a text is in the language, by prompt; NaN where the language cannot be told."""
    return in_language(texts.sort_values("prompt_number"), language).to_numpy(np.float64)


def _shares(texts: pd.DataFrame, source: str, target: str) -> dict[str, float]:
    detected, count = texts["detected"], len(texts)
    to_target = in_language(texts, target).sum(skipna=False)
    low, high = wilson(int(to_target), count) if np.isfinite(to_target) else (np.nan, np.nan)
    return {
        "n_neurons": None if texts["lines"].isna().all() else int(texts["lines"].iloc[0]),
        "n_texts": count,
        "target_share": to_target / count,
        "target_share_low": low,
        "target_share_high": high,
        "source_share": float(in_language(texts, source).mean()),
        "unknown_share": float(detected.isna().mean()),
        "repetition_rate": float(texts["repetition_rate"].mean()),
    }


def wilson(successes: int, count: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927, doi:10.2307/2276774): it is in [0, 1] for any number of trials."""
    share = successes / count
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * np.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return float(max(0, centre - half)), float(min(1, centre + half))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and experiment, a row a pair: texts in the target language at every step, and in none after both."""
    parts = {}
    for (model, experiment, method), part in table.groupby(KEYS[:3], sort=False):
        lines = []
        for (source, target), pair in part.groupby(KEYS[3:], sort=False):
            steps = pair.set_index("steering_step")
            line = {"From": layout.name(source, labels), "To": layout.name(target, labels)}
            for step in [step for step in STEPS if step in steps.index]:
                line[f"Target, {step}"] = layout.cell(steps.loc[step], "target_share")
            line["p"] = steps["random_p_value"].get("both")
            for step in ("base", "both", "random"):
                line[f"Source, {step}"] = markup.number(steps.loc[step, "source_share"])
            line["Cannot be told, both"] = markup.number(steps.loc["both", "unknown_share"])
            lines.append(line | {"Texts": int(steps.loc["both", "n_texts"])})
        parts[f"{model}, {experiment}: {method}"] = pd.DataFrame(lines)
    return parts or {"": pd.DataFrame({"No texts": ["no pair of languages has neurons"]})}


TABLE = Table("In which language a steered model writes", NOTE, COLUMNS, {"rows": read_measured}, build, wide)
