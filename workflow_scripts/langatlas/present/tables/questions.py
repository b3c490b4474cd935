"""Accuracy, accuracy where the answer is not A, and the letters answered, before and after each intervention.

The unit of every resample is the question. A row over all languages takes the same fact in several languages as one
question, so that its interval is not too narrow.
"""

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, paired
from langatlas.present.measured import read_measured
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "experiment",
    {
        "task": "world (built-in questions), files (the user's own), or the name of a task of lm-evaluation-harness",
        "answers": "what is scored: letters, texts (of the choices), sentences (that they make of the fact), priors "
        "(the same of another subject, of which no choice is true); empty: as the harness's task has it",
    },
    "language", *columns.INTERVENTION,
    columns.interval("accuracy", "share of questions whose right choice has the largest log-likelihood", over="questions"),
    columns.interval("accuracy_not_a", "the same over questions whose right answer is not A", over="questions"),
    columns.interval(
        "accuracy_per_byte",
        "share of questions whose right choice has the largest log-likelihood / UTF-8 bytes of the choice",
        over="questions",
    ),
    {
        "share_a": "share of answers that are A",
        "share_b": "share of answers that are B",
        "share_c": "share of answers that are C",
        "share_d": "share of answers that are D",
        "share_other": "share of answers that are another letter, or none",
        "n_questions": "questions asked (over all languages: in all of them)",
        "n_not_a": "questions whose right answer is not A",
        "base_p_value": "two-sided paired sign-flip permutation test of the questions answered rightly, against the "
        "unchanged model",
        "base_p_value_holm": "base_p_value adjusted (Holm) for all languages tested with the same region",
        "random_p_value": "the same test against as many random parameters removed; empty where that was not measured",
        "random_p_value_holm": "random_p_value adjusted (Holm) for all languages tested with the same region",
        "priors_p_value": "of sentences: the same test against priors, same intervention: is more known than frequent "
        "answers",
        "priors_p_value_holm": "priors_p_value adjusted (Holm) for all languages tested with the same region",
    },
)  # fmt: skip
SERIES = ["model", "experiment", "task", "answers", "language"]
ALL = "all"  # in the column language: all of them together
LETTERS = ["a", "b", "c", "d"]
NOTE = """Accuracy: share of questions to whose right choice the model gives the largest log-likelihood (the harness's acc;
1/choices by chance). Not A: the same over questions whose right answer is not A (0 if it always says A). A, B, C, D: share
of each letter among its answers; the world's right answers take every letter equally often. Per byte: accuracy when each
choice's log-likelihood is divided by its length. letters: choices are listed in the prompt and their letters scored; texts:
the choices themselves are scored; sentences: the sentences that they make of the fact; priors: the same sentences of
another subject, of which none is true: how often the right choice wins for being a frequent answer. A mini model has read
sentences, but never a question and never a letter as an answer: its letters say how it was damaged, not what it knows. p:
paired sign-flip tests over questions, Holm-adjusted for the languages tested with the same region: base and random against
the unchanged model and as many random parameters removed, priors whether sentences are right more often than priors. A row
of all languages takes the same fact in several languages as one question."""


def build(rows: pd.DataFrame, *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, task, way of answering, language and intervention. ``rows``: as measured, of all models."""
    rows = _judged(rows.reset_index(drop=True))
    several = rows.dropna(subset="language").groupby(["model", "experiment", "task", "answers"])["language"]
    pooled = rows[several.transform("nunique").reindex(rows.index).fillna(0) > 1].assign(language=ALL)
    everything = pd.concat([rows, pooled])
    control = everything[everything["answers"] == "priors"]
    priors = {key[:3] + key[4:]: part for key, part in control.groupby(SERIES, dropna=False)}
    tables = [
        _series(part, priors.get(key[:3] + key[4:]) if key[3] == "sentences" else None, resamples, permutations, seed)
        for key, part in everything.groupby(SERIES, dropna=False, sort=False)
    ]
    table = pd.concat(tables, ignore_index=True)
    keys = [name for name in [*SERIES, *columns.INTERVENTION] if name != "language"]
    for name in ("base_p_value", "random_p_value", "priors_p_value"):
        one = table[name].where(table["language"] != ALL)  # the row over all languages is no further test
        table[f"{name}_holm"] = paired.holm(table.assign(**{name: one}), keys, name)
    return table[list(COLUMNS)]


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with ``right``, ``right_per_byte``, ``not_a`` (0 or 1), and ``unit``: what is resampled as one."""
    per_byte = [
        np.argmax(np.divide(nll, size)) if np.isfinite(nll).all() else -1
        for nll, size in zip(rows["loglikelihoods_nats"], rows["choice_bytes"], strict=True)
    ]
    return rows.assign(
        right=(rows["chosen"] == rows["gold"]).astype(float),
        right_per_byte=[float(i >= 0 and chr(65 + i) == gold) for i, gold in zip(per_byte, rows["gold"], strict=True)],
        not_a=(rows["gold"] != "A").astype(float),
        unit=np.where(
            rows["task"] == "world", rows["question"], rows["subtask"] + "/" + rows["question"]
        ),  # the same fact in every language
    )


def _series(
    part: pd.DataFrame, priors: pd.DataFrame | None, resamples: int, permutations: int, seed: int
) -> pd.DataFrame:
    """One row an intervention of one model, experiment, task, way of answering and language."""
    interventions = list(part.groupby(columns.INTERVENTION, dropna=False, sort=False))
    sums = {key: _sums(rows) for key, rows in interventions}
    base = next(frame for key, frame in sums.items() if _side(key) == "base")
    table = []
    for key, rows in interventions:
        described = dict(zip(columns.INTERVENTION, key, strict=True))
        random = next((frame for other, frame in sums.items() if _controls(other, key)), None)
        prior = None if priors is None else _sums(priors[_same(priors, described)])
        against = {"base": None if _side(key) == "base" else base, "random": random, "priors": prior}
        table.append(
            rows.iloc[0][SERIES].to_dict()
            | described
            | _numbers(rows, sums[key], resamples, seed)
            | {
                f"{name}_p_value": np.nan
                if control is None
                else paired.p_value(sums[key]["right"] - control["right"], permutations, seed)
                for name, control in against.items()
            }
        )
    return pd.DataFrame(table)


def _sums(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums by unit, in the order of their names: the same for every intervention."""
    rows = rows.assign(count=1.0, right_not_a=rows["right"] * rows["not_a"])
    return rows.groupby("unit")[["right", "right_per_byte", "right_not_a", "count", "not_a"]].sum()


def _numbers(rows: pd.DataFrame, sums: pd.DataFrame, resamples: int, seed: int) -> dict[str, float]:
    drawn = pd.DataFrame(paired.drawn_sums(sums.to_numpy().T, resamples, seed), columns=sums.columns)
    numbers = {"n_questions": len(rows), "n_not_a": int(sums["not_a"].sum())}
    for name, over, of in (
        ("accuracy", "right", "count"),
        ("accuracy_not_a", "right_not_a", "not_a"),
        ("accuracy_per_byte", "right_per_byte", "count"),
    ):
        share = (drawn[over] / drawn[of]).to_numpy()  # NaN of a resample that holds no such question
        numbers |= paired.interval(name, share, np.asarray)
    shares = rows["chosen"].str.lower().value_counts(normalize=False) / len(rows)
    numbers |= {f"share_{letter}": float(shares.get(letter, 0)) for letter in LETTERS}
    numbers["share_other"] = max(0.0, 1 - sum(numbers[f"share_{letter}"] for letter in LETTERS))
    return numbers


def _same(rows: pd.DataFrame, described: dict) -> pd.Series:
    """Which rows are of this intervention; what is missing in both is the same."""
    wanted = pd.Series(True, index=rows.index)
    for name, value in described.items():
        wanted &= rows[name].isna() if pd.isna(value) else rows[name] == value
    return wanted


def _side(key: tuple) -> str:
    return key[columns.INTERVENTION.index("side")]


def _controls(other: tuple, key: tuple) -> bool:
    """Whether an intervention is the random control of another: the same region and ratio, side random."""
    same = [name for name in columns.INTERVENTION if name not in ("side", "seed")]
    alike = all(
        a == b or (pd.isna(a) and pd.isna(b))
        for name, a, b in zip(columns.INTERVENTION, other, key, strict=True)
        if name in same
    )
    return alike and _side(other) == "random" and _side(key) not in ("random", "base")


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment, task and way of answering; a row a language and intervention."""
    parts = {}
    for (model, experiment, task, answers), rows in table.groupby(SERIES[:-1], dropna=False, sort=False):
        named = rows["language"].dropna().unique()
        order = languages.order_by_family([label for label in named if label != ALL], labels)
        order += [ALL] if ALL in named else []
        place = {label: number for number, label in enumerate(order)}
        rows = rows.sort_values("language", key=lambda labelled: labelled.map(place), kind="stable")
        heading = f"{model}, {experiment}: {task}" + (f", answered by {answers}" if isinstance(answers, str) else "")
        parts[heading] = _cells(rows, labels)
    return parts


def _cells(rows: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    cells = {}
    if rows["language"].notna().any():
        cells["Language"] = [
            "all languages" if label == ALL else layout.name(label, labels) for label in rows["language"].fillna(ALL)
        ]
    cells["Removed"] = layout.interventions(rows)
    for heading, column in (("Accuracy [95 %]", "accuracy"), ("Not A [95 %]", "accuracy_not_a")):
        cells[heading] = layout.cells(rows, column)
    shown = [*LETTERS, "other"] if rows["share_other"].max() > 1e-9 else LETTERS
    cells |= {letter.upper() if len(letter) == 1 else "Other": rows[f"share_{letter}"].tolist() for letter in shown}
    cells |= {"Per byte": rows["accuracy_per_byte"].tolist(), "Questions": rows["n_questions"].tolist()}
    for name in ("base", "random", "priors"):
        if rows[f"{name}_p_value"].notna().any():
            cells[f"p, {name}"] = rows[f"{name}_p_value_holm"].fillna(rows[f"{name}_p_value"]).tolist()
    return pd.DataFrame(cells)


TABLE = Table("Answers to questions after removal", NOTE, COLUMNS, {"rows": read_measured}, build, wide)
