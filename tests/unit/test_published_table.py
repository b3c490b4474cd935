"""The published numbers as transcribed, and ours beside them."""

import numpy as np
import pandas as pd
import pytest

from langatlas.present.published_numbers import load_core
from langatlas.present.tables import perplexity as perplexity_table
from langatlas.present.tables import published as published_table
from small_tables import PUBLISHED


@pytest.fixture(scope="module")
def known():
    return published_table.load([PUBLISHED / "core_removal.csv"])


def rows(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table


def test_every_published_number_is_there_once(known):
    counts = known["experiment"].value_counts()
    assert counts.to_dict() == {
        "structured removal": 144,
        "core removal": 88,
        "monolingual removal": 55,
        "removal, then pretraining": 42,
        "parameter perturbation": 9,
    }
    assert not known.duplicated(published_table.CASE).any()


def test_numbers_are_those_of_the_paper_and_the_misprint_is_kept(known):
    def value(**wanted):
        (found,) = rows(known, **wanted)["published_perplexity"]
        return found

    base = {"side": "base", "language": "zh", "published_model": "LLaMA-2-7B"}
    assert value(experiment="core removal", **base) == 8.652
    assert value(experiment="monolingual removal", **base) == 8.562
    lines = {"experiment": "structured removal", "side": "top", "published_model": "LLaMA-2-13B", "samples": 10_000}
    assert value(**lines, setting="o-head qkv-head down-residual", lines=10) == 592_922.25
    assert value(experiment="parameter perturbation", edit="set", target="index 2100") == 83_224.078
    trained = {"experiment": "removal, then pretraining", "language": "zh", "side": "top", "training_samples": 2000}
    assert value(**trained, mode="zero-unfreeze") == 6.05
    assert value(**trained, mode="zero-freeze") == 674.076


def test_ratios_are_to_the_published_base_or_say_what_else(known):
    (row,) = rows(known, edit="multiply", target="index 2100", amount=10.0).to_dict("records")
    assert row["published_ratio_to_base"] == pytest.approx(4363.462 / 5.865)
    (row,) = rows(known, mode="zero-freeze", side="top", language="en", training_samples=2000).to_dict("records")
    assert row["published_ratio_to_base"] == pytest.approx(158_431.282 / 14.02)
    assert row["judgement"] == published_table.BY_BOTTOM
    bottom = rows(known, experiment="structured removal", side="bottom")
    assert (bottom["published_ratio_to_base"] == 1).all()
    assert len(load_core(PUBLISHED / "core_removal.csv")) == len(rows(known, experiment="core removal"))


def perplexity(model="mini"):
    empty = dict.fromkeys(perplexity_table.COLUMNS) | {"model": model, "language": "zh"}
    core = {"region": "core", "edit": "remove", "ratio": 0.03}
    made = [
        {"side": "base", "perplexity": 4.0, "ratio_to_base": 1.0},
        core | {"side": "top", "samples": 300, "perplexity": 8.0, "ratio_to_base": 2.0},
        core | {"side": "top", "samples": 75, "perplexity": 6.0, "ratio_to_base": 1.5},
        core | {"side": "random", "samples": 300, "seed": 1, "perplexity": 4.0, "ratio_to_base": 1.0},
        core | {"side": "random", "samples": 300, "seed": 2, "perplexity": 9.0, "ratio_to_base": 2.25},
        core | {"side": "top", "edit": "lines", "setting": "o-head qkv-head, shared by matrix", "lines": 3, "samples": 300}
        | {"perplexity": 5.0, "ratio_to_base": 1.25},
        {"side": "top", "edit": "set", "setting": "layer 1 norm.input", "target": "index 7", "lines": 1, "amount": 1.0,
         "perplexity": 4.4, "ratio_to_base": 1.1},
    ]  # fmt: skip
    frame = pd.DataFrame([empty | row for row in made])
    return frame.astype({"samples": "Int64", "lines": "Int64", "ratio": float, "amount": float})


def pretraining():
    made = [
        ("zero-unfreeze", "published", 0, 3.0),
        ("zero-unfreeze", "published", 64, 1.01),
        ("zero-unfreeze", "corrected", 64, 2.9),
    ]
    return pd.DataFrame(
        [
            {"model": "mini", "language": "zh", "mode": mode, "side": "top", "master": master, "training_samples": samples,
             "perplexity": 4 * ratio, "ratio_to_base": ratio}
            for mode, master, samples, ratio in made
        ]
    ).astype({"training_samples": "Int64"})  # fmt: skip


def test_ours_stands_beside_each_published_case_as_a_ratio_and_as_a_perplexity_for_the_same_model_only(known):
    table = published_table.build(perplexity(), pretraining(), known, {})
    assert len(table) == len(known)
    assert table["perplexity"].isna().all()  # the mini model is no published one
    core = rows(table, experiment="core removal", language="zh", published_model="LLaMA-2-7B").set_index("side")
    assert core.loc["top", "ratio_to_base"] == 2.0  # the larger number of samples
    assert core.loc["random", "ratio_to_base"] == pytest.approx(np.sqrt(1.0 * 2.25))
    assert pd.isna(core.loc["bottom", "ratio_to_base"])
    lines = rows(table, setting="o-head qkv-head", lines=3, side="top", published_model="LLaMA-2-7B")
    assert lines["ratio_to_base"].tolist() == [1.25]
    (single,) = rows(table, edit="set", target="index 2100").to_dict("records")
    assert (single["ratio_to_base"], single["judgement"]) == (1.1, "ours: index 7")
    trained = rows(table, mode="zero-unfreeze", language="zh").set_index("training_samples")
    assert trained.loc[0, "ratio_to_base"] == pytest.approx(3.0)
    assert trained.loc[5000, "ratio_to_base"] == pytest.approx(1.01)
    assert "our last milestone, 64 samples" in trained.loc[5000, "judgement"]
    same = published_table.build(perplexity(), None, known, {"mini": "LLaMA-2-7B"})
    assert set(same["published_model"]) == {"LLaMA-2-7B"}
    assert rows(same, experiment="core removal", language="zh", side="top")["perplexity"].tolist() == pytest.approx(
        [8.0]
    )


def test_what_we_did_not_measure_is_missing_and_people_still_see_the_published_number(known):
    table = published_table.build(perplexity().head(1), None, known, {})
    assert table.loc[table["side"] != "base", "ratio_to_base"].isna().all()
    parts = published_table.wide(table)
    part = parts["structured removal: LLaMA-2-13B and mini"]
    assert len(part) == 96
    assert part["Published"].notna().all()
    assert "Amount" not in part
