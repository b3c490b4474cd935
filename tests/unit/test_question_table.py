"""Accuracy, letters, intervals and tests of the table of questions, by hand and by brute force."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from figure_data import STYLE
from langatlas.present import columns
from langatlas.present.figures import canvas
from langatlas.present.figures import questions as drawn
from langatlas.present.table import read_table
from langatlas.present.tables.questions import ALL, COLUMNS, TABLE, build, wide
from small_tables import row_of

SETTINGS = {"resamples": 1000, "permutations": 999, "seed": 1}
GOLD = "ABCD" * 3
BEFORE = "ABCDABCDABAA"  # 10 of 12 right; of the 9 whose answer is not A, 7
AFTER = {"top": "AAAAAAAAAAAA", "random": "ABCDABCDABCA"}


def rows_of(side, chosen, language="en", gold=GOLD, answers="letters", task="world", sizes=(1, 1, 1, 1)):
    described = dict.fromkeys(columns.INTERVENTION) | {"side": side}
    if side != "base":
        described |= {"region": "core", "scope": "matrix", "samples": 7, "ratio": 0.03, "edit": "remove"}
        described |= {"seed": 1 if side == "random" else None}
    where = {"model": "m", "experiment": "e", "task": task, "subtask": f"{task}-{language}", "answers": answers}
    return [
        where
        | described
        | {"language": language, "question": f"q{number}", "gold": right, "chosen": letter, "choice_bytes": list(sizes)}
        | {"loglikelihoods_nats": [-1.0 if other == letter else -2.0 for other in "ABCD"]}
        for number, (right, letter) in enumerate(zip(gold, chosen, strict=True))
    ]


def table_of(*parts, **more):
    frame = pd.DataFrame([row for part in parts for row in part])
    return build(frame, **SETTINGS | more)


@pytest.fixture(scope="module")
def table():
    rows = [rows_of(side, chosen) for side, chosen in {"base": BEFORE, **AFTER}.items()]
    return table_of(*rows)


def test_accuracy_accuracy_not_a_and_letters_by_hand(table):
    base, top = row_of(table, side="base"), row_of(table, side="top")
    assert base[["accuracy", "accuracy_not_a"]].tolist() == pytest.approx([10 / 12, 7 / 9])
    assert base[["share_a", "share_b", "share_c", "share_d", "share_other"]].tolist() == pytest.approx(
        [5 / 12, 3 / 12, 2 / 12, 2 / 12, 0]
    )
    assert top[["accuracy", "accuracy_not_a", "share_a"]].tolist() == pytest.approx([0.25, 0, 1])
    assert base[["n_questions", "n_not_a"]].tolist() == [12, 9]


def test_per_byte_takes_the_choice_with_the_most_likelihood_for_its_length():
    """-2 nats over 4 bytes are better than -1 over 1: the long choice D wins wherever it was not chosen anyway."""
    found = table_of(rows_of("base", BEFORE, sizes=(1, 1, 1, 4))).iloc[0]
    assert found["accuracy"] == pytest.approx(10 / 12)
    assert found["accuracy_per_byte"] == pytest.approx(3 / 12)


def test_intervals_are_those_of_a_bootstrap_written_out(table):
    right = np.array([a == b for a, b in zip(BEFORE, GOLD, strict=True)])
    not_a = np.array([letter != "A" for letter in GOLD])
    generator = np.random.default_rng(5)
    drawn_at = generator.integers(0, 12, (20_000, 12))
    for name, values in (
        ("accuracy", right[drawn_at].mean(1)),
        ("accuracy_not_a", (right & not_a)[drawn_at].sum(1) / not_a[drawn_at].sum(1)),
    ):
        low, high = np.quantile(values, [0.025, 0.975])
        base = row_of(table, side="base")
        assert base[f"{name}_low"] == pytest.approx(low, abs=0.06)
        assert base[f"{name}_high"] == pytest.approx(high, abs=0.06)


def test_p_values_are_those_of_all_sign_flips(table):
    right = {side: np.array([a == b for a, b in zip(chosen, GOLD, strict=True)]) for side, chosen in AFTER.items()}
    right["base"] = np.array([a == b for a, b in zip(BEFORE, GOLD, strict=True)])
    signs = np.array(list(product([1, -1], repeat=12)))
    for control, column in (("base", "base_p_value"), ("random", "random_p_value")):
        difference = right["top"].astype(int) - right[control]
        exact = (abs(signs @ difference) >= abs(difference.sum())).mean()
        assert row_of(table, side="top")[column] == pytest.approx(exact, abs=0.02)
    assert np.isnan(row_of(table, side="base")["base_p_value"])
    assert np.isnan(row_of(table, side="random")["random_p_value"])


def test_sentences_are_tested_against_priors_of_the_same_intervention():
    parts = [rows_of(side, chosen, answers="sentences") for side, chosen in {"base": BEFORE, **AFTER}.items()]
    priors = {"base": "A" * 12, "top": AFTER["top"], "random": "B" * 12}
    parts += [rows_of(side, chosen, answers="priors") for side, chosen in priors.items()]
    found = table_of(*parts)
    signs = np.array(list(product([1, -1], repeat=12)))
    for side, chosen in {"base": BEFORE, **AFTER}.items():
        right = np.array([[a == b for a, b in zip(letters, GOLD, strict=True)] for letters in (chosen, priors[side])])
        difference = right[0].astype(int) - right[1]
        exact = (abs(signs @ difference) >= abs(difference.sum())).mean()
        assert row_of(found, side=side, answers="sentences")["priors_p_value"] == pytest.approx(exact, abs=0.02)
    assert found.loc[found["answers"] == "priors", "priors_p_value"].isna().all()


def test_all_languages_together_are_no_more_certain_than_one_where_they_answer_alike():
    """Three copies of one language: the same accuracy, interval and p value, and a Holm factor of three."""
    parts = [
        rows_of(side, chosen, language)
        for language in ("en", "ru", "zh")
        for side, chosen in {"base": BEFORE, **AFTER}.items()
    ]
    found = table_of(*parts)
    one, together = (row_of(found, side="top", language=label) for label in ("en", ALL))
    numbers = ["accuracy", "accuracy_low", "accuracy_high", "accuracy_not_a", "base_p_value", "random_p_value"]
    assert together[numbers].tolist() == pytest.approx(one[numbers].tolist())
    assert (one["n_questions"], together["n_questions"]) == (12, 36)
    assert one["base_p_value_holm"] == pytest.approx(3 * one["base_p_value"])
    assert np.isnan(together["base_p_value_holm"])


def test_the_users_own_questions_are_different_in_every_language():
    parts = [rows_of("base", BEFORE, language, task="files") for language in ("en", "ru", "zh")]
    found = table_of(*parts)
    width = {label: row_of(found, language=label) for label in ("en", ALL)}
    one, together = (float(row["accuracy_high"] - row["accuracy_low"]) for row in width.values())
    assert together < 0.75 * one


def test_an_answer_that_is_no_number_is_wrong_and_is_another():
    broken = rows_of("top", AFTER["top"])
    for row in broken:
        row |= {"chosen": None, "loglikelihoods_nats": [np.nan] * 4}
    found = row_of(table_of(rows_of("base", BEFORE), broken), side="top")
    assert found[["accuracy", "accuracy_per_byte", "share_a", "share_other"]].tolist() == [0, 0, 0, 1]


def test_without_a_question_whose_answer_is_not_a_there_is_no_such_accuracy():
    found = table_of(rows_of("base", "AAAB", gold="AAAA")).iloc[0]
    assert found["accuracy"] == 0.75
    assert np.isnan(found["accuracy_not_a"])
    assert np.isnan(found["accuracy_not_a_low"])


def test_the_table_is_written_with_every_column_named_and_worded_for_people(table, tmp_path):
    mixed = pd.concat(
        [table, table_of(rows_of("base", BEFORE, None, answers=None, task="mmlu"))], ignore_index=True
    )  # a task of the harness has no language
    parts = wide(mixed)
    assert list(parts) == ["m, e: world, answered by letters", "m, e: mmlu"]
    first = parts["m, e: world, answered by letters"]
    assert first["Removed"].tolist() == ["nothing", "core 3 %, top", "core 3 %, random (1)"]
    assert first["Language"].tolist() == ["English (en)"] * 3
    assert "Language" not in parts["m, e: mmlu"]
    TABLE.write(mixed, tmp_path / "questions.csv", parts=parts)
    again = read_table(tmp_path / "questions.csv")
    assert again["accuracy"].tolist() == mixed["accuracy"].tolist()
    assert list(again) == list(COLUMNS)


def test_the_figure_shows_the_letters_and_the_accuracy(table, tmp_path):
    scored = {"sentences": [0.9, 0.3, 0.8], "priors": [0.4, 0.3, 0.2]}
    more = [table.assign(answers=answers, accuracy=accuracy) for answers, accuracy in scored.items()]
    both = pd.concat([table, *more], ignore_index=True)
    with canvas.style(STYLE):
        figure = drawn.figure(both, "m", "e")
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == ["nothing", "core 3 %\ntop", "core 3 %\nrandom (1)", "", "", ""]
        widths = [[bar.get_width() for bar in container] for container in figure.axes[0].containers]
        assert np.ravel(widths).tolist() == pytest.approx([5 / 12, 3 / 12, 2 / 12, 2 / 12])
        assert [axes.texts[0].get_text() for axes in figure.axes] == ["83 %", "25 %", "92 %", "90 %", "30 %", "80 %"]
        assert [axes.lines[1].get_xdata()[0] for axes in figure.axes[3:]] == scored["priors"]
        assert [axes.lines[2].get_xdata()[0] for axes in figure.axes[3:]] == scored["sentences"]
        canvas.save(figure, [tmp_path / "questions.png"], {})
    assert (tmp_path / "questions.png").stat().st_size > 0


def test_languages_stand_by_family_and_tasks_without_a_language_below_them(table):
    parts = [table.assign(language=label) for label in ("zh", "ru", "en", ALL)]
    own = table.assign(task="mmlu", language=None, answers=None)
    with canvas.style(STYLE):
        figure = drawn.figure(pd.concat([*parts, own], ignore_index=True), "m", "e")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [name.split("  ")[0] for name in names] == [
        "world: English", "world: Russian", "world: Chinese", "world: all languages", "mmlu",
    ]  # fmt: skip
    assert len(figure.axes) == 3


def test_many_interventions_stand_in_lines_below_each_other(table):
    top = table[table["side"] == "top"]
    many = pd.concat([table[table["side"] == "base"], *(top.assign(ratio=n / 100) for n in range(1, 9))])
    with canvas.style(STYLE):
        drawing = drawn.figure(many, "m", "e")
    assert drawing.get_size_inches()[0] < 13
    rows = {}
    for axes in drawing.axes:
        rows.setdefault(axes.get_subplotspec().rowspan.start, []).append(axes.get_title(loc="left"))
    assert rows == {
        0: ["nothing", *(f"core {n} %\ntop" for n in range(1, 6))],
        1: [f"core {n} %\ntop" for n in (6, 7, 8)],
    }
    labels = [[label.get_text() for label in axes.get_yticklabels()] for axes in (drawing.axes[0], drawing.axes[6])]
    assert labels[0] == labels[1] != []
