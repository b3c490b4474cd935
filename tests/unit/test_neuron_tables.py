"""Tables of neurons against hand counts, and steering's shares by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from langatlas.neuron_files import COLUMNS, NeuronSet
from langatlas.present import neuron_sets
from langatlas.present.tables import neuron_counts, neuron_layers, neuron_overlap, steering

ROOT = Path(__file__).parents[2]
PUBLISHED = [ROOT / "resources" / "published" / f"{name}.csv" for name in ("neuron_counts", "neuron_overlap")]


def small_set() -> NeuronSet:
    places = [("en", 0, 1), ("en", 1, 2), ("ru", 1, 2), ("ru", 1, 3), ("ru", 1, 4)]
    rows = pd.DataFrame([("lape", label, "top", *place, 0.1, 0.5) for label, *place in places], columns=COLUMNS)
    return NeuronSet(rows, ["en", "ru", "zh"], (2, 10), {"method": "lape", "model": "m"})


def test_counts_by_hand_and_published_ones_beside_them():
    counts = neuron_sets.read_published(PUBLISHED[0])
    table = neuron_counts.build([small_set()], counts)
    ours = table[table["model"] == "m"].set_index("language")
    assert ours["n_neurons"].to_dict() == {"en": 2, "ru": 3, "zh": 0}
    assert set(ours["n_unique"]) == {4}
    assert ours.loc["ru", "neuron_share"] == pytest.approx(3 / 20)
    llama = table[table["model"] == "LLaMA-2-7B"].set_index("language")
    assert (llama.loc["en", "n_neurons"], llama.loc["id", "n_neurons"]) == (95, 1068)
    assert neuron_counts.wide(table)["lape, top"].iloc[0]["ru"] == "3"


def test_layers_by_hand():
    table = neuron_layers.build([small_set()]).set_index(["language", "layer"])["n_neurons"]
    assert table.to_dict() == {("en", 0): 1, ("en", 1): 1, ("ru", 0): 0, ("ru", 1): 3, ("zh", 0): 0, ("zh", 1): 0}


def test_overlap_by_hand_and_as_published():
    table = neuron_overlap.build([small_set()], *map(neuron_sets.read_published, PUBLISHED))
    pair = table[(table["model"] == "m") & (table["language_b"] == "ru")].iloc[0]
    assert pair["shared_neurons"] == 1
    assert pair["neuron_jaccard"] == pytest.approx(1 / 4)
    generator = np.random.default_rng(0)
    drawn = [(set(generator.permutation(20)[:2]), set(generator.permutation(20)[:3])) for _ in range(4000)]
    by_chance = np.mean([len(a & b) / len(a | b) for a, b in drawn])
    assert pair["neuron_jaccard_by_chance"] == pytest.approx(by_chance, abs=0.01)
    llama = table[table["model"] == "LLaMA-2-7B"].set_index(["language_a", "language_b"])
    assert llama.loc[("es", "fr"), "shared_neurons"] == 336
    assert llama.loc[("es", "fr"), "neuron_jaccard"] == pytest.approx(336 / (838 + 1022 - 336))
    assert len(llama) == 21


def steered() -> pd.DataFrame:
    """Four prompts in English, steered to Russian: what is detected at every step."""
    detected = {
        ("base", None): ["en", "en", "en", None],
        ("top", "both"): ["ru", "ru", "ru", "en"],
        ("top", "silence"): ["en", "en", None, None],
        ("top", "mean"): ["ru", "en", "en", "en"],
        ("random", "both"): ["en", "en", "en", "en"],
    }
    rows = []
    for (side, setting), labels in detected.items():
        for number, label in enumerate(labels):
            row = {
                "model": "m",
                "experiment": "e",
                "method": "lape",
                "side": side,
                "setting": setting,
                "language": "en",
            }
            row |= {"region_language": None if side == "base" else "en"}
            row |= {"target": None if side == "base" else "ru", "lines": None if side == "base" else 7}
            rows.append(
                row | {"prompt_number": number, "detected": label, "detectable": "en ru", "repetition_rate": 0.5}
            )
    return pd.DataFrame(rows)


def test_steering_by_hand():
    table = steering.build(steered(), permutations=999, seed=1).set_index("steering_step")
    assert list(table.index) == ["base", "silence", "mean", "both", "random"]
    assert table["target_share"].tolist() == [0, 0, 0.25, 0.75, 0]
    assert table["source_share"].tolist() == [0.75, 0.5, 0.75, 0.25, 1]
    assert table["unknown_share"].tolist() == [0.25, 0.5, 0, 0, 0]
    assert table.loc["both", "random_p_value"] == pytest.approx(
        0.25, abs=0.05
    )  # 3 differences: all signs equal in 2 of 8
    wide = steering.wide(table.reset_index())
    assert wide["m, e: lape"].iloc[0]["Target, both"].startswith("0.75")


def test_steering_to_a_language_that_cannot_be_told_has_no_share():
    rows = steered().assign(detectable="en de")
    table = steering.build(rows, permutations=999, seed=1).set_index("steering_step")
    assert table[["target_share", "target_share_low", "target_share_high", "random_p_value"]].isna().all(axis=None)
    assert table["source_share"].tolist() == [0.75, 0.5, 0.75, 0.25, 1]
    assert steering.wide(table.reset_index())["m, e: lape"].iloc[0]["Target, both"] == "–"


def test_wilson_by_hand():
    z = 1.959963984540054
    for hits, count in ((0, 4), (3, 4), (4, 4), (17, 50)):
        for bound in steering.wilson(hits, count):
            if 0 < bound < 1:  # the score equation: |share - bound| = z sqrt(bound (1 - bound) / n)
                assert abs(hits / count - bound) == pytest.approx(z * np.sqrt(bound * (1 - bound) / count), rel=1e-6)
    assert steering.wilson(0, 4)[0] == pytest.approx(0, abs=1e-9)
