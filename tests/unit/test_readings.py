"""The page about published readings: its numbers are those of the tables, and what was not measured is said to be so."""

import pandas as pd
import pytest

from langatlas.present.tables import readings


def tables():
    languages = ["en", "ru", "zh"]
    removed = {"model": "m", "experiment": "core", "region": "core", "samples": 9, "ratio": 0.05, "edit": "remove"}
    perplexity = [
        {**removed, "language": x, "scope": scope, "side": side, "perplexity": 10 * factor, "ratio_to_base": factor,
         "perplexity_published": 10 * factor * (1.1 if side == "base" else 1.21),
         "region": None if side == "base" else "core" if scope == "matrix" else "core-global",
         "edit": None if side == "base" else "remove"}
        for x in languages
        for side, scope, factor in (("base", None, 1.0), ("top", "matrix", 2.0), ("top", "global", 3.0),
                                    ("random", "matrix", 1.1), ("random", "matrix", 1.21))
    ]  # fmt: skip
    controls = [
        {"model": "m", "region": region, "language": x, "ratio_to_base": factor, "jaccard": jaccard,
         "reference": reference, "ratio_to_reference": 0.8 if reference else None, "reference_p_value_holm": p}
        for x, p in zip(languages, (0.01, 0.2, 0.02), strict=True)
        for region, factor, reference, jaccard in (
            ("core", 2.0, None, None), ("core-few", 1.9, "core", 0.7), ("core-rounded", 1.5, "core-few", 0.6),
            ("core-summed-bfloat16", 1.7, "core-few", 0.65))
    ]  # fmt: skip
    arms = [
        {"model": "m", "experiment": "recovery", "mode": "zero-unfreeze", "master": master, "training_samples": n,
         "optimizer_steps": steps, "ratio_to_base": factor}
        for master, factors in (("corrected", (2.0, 1.9)), ("published", (1.0, 1.0)))
        for (n, steps), factor in zip(((32, 2), (64, 4)), factors, strict=True)
    ]  # fmt: skip
    return {
        "perplexity": pd.DataFrame(perplexity),
        "controls": pd.DataFrame(controls),
        "reliability": pd.DataFrame([{"model": "m", "comparison": "scopes", "jaccard": 0.4}]),
        "tokens": pd.DataFrame(
            [{"model": "m", "split": "locate", "documents": 100, "truncated": 10, "dropped": 0}]
        ),
        "pretraining": pd.DataFrame(arms),
    }  # fmt: skip


def test_every_sentence_holds_the_numbers_of_the_tables():
    table = readings.build(**tables())
    assert list(table) == list(readings.COLUMNS)
    said = table.set_index("step")["sentence"]
    assert "1.21 (1.10 to 1.21) times the perplexity" in said["Perplexity of a text"]
    assert "1.10 (1.00 to 1.10) times its ratio to base" in said["Perplexity of a text"]
    rounded = said["Importance: type"]
    assert "by 1.50 (1.50 to 1.50), removing the core from as few samples by 1.90" in rounded
    assert "different in 2 of 3 languages" in rounded
    assert "0.600; that of the core from as few samples: 0.700" in rounded
    summed = said["Importance: sums"]
    assert "by 1.70 (1.70 to 1.70), removing the core from as few samples by 1.90" in summed
    assert "0.650; that of the core from as few samples: 0.700" in summed
    assert "by 2.00 (2.00 to 2.00) where every matrix" in said["Ranking"]
    assert "0.400 of their parameters" in said["Ranking"]
    assert said["Random control"].startswith(
        "2 seeds of random parameters differ in their perplexity by a factor of 1.10"
    )
    assert "After 32 samples (optimizer steps: 2) perplexity stands at 2.00" in said["Removal before training"]
    assert "as published at 1.00 times" in said["Removal before training"]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("controls", "Importance: type"),
        ("controls", "Importance: sums"),
        ("pretraining", "Removal before training"),
        ("reliability", "Ranking"),
    ],
)
def test_what_was_not_measured_is_said_to_be_missing(name, step):
    empty = tables()
    empty[name] = empty[name].iloc[:0]
    assert readings.build(**empty).set_index("step").loc[step, "sentence"] == readings.NOT_MEASURED
    del empty[name]
    assert readings.build(**empty).set_index("step").loc[step, "sentence"] == readings.NOT_MEASURED
