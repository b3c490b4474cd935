"""LAPE against entropies by hand and the published steps; average precision against scikit-learn; file round trips."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from langatlas.activation_files import ActivationFile
from langatlas.interchange.neurons import counts_from_file, neurons_from_file, neurons_to_file
from langatlas.locate.neurons import (
    LapeSettings,
    average_precision,
    by_precision,
    entropy,
    kth_smallest,
    lape,
    precisions,
)
from langatlas.neuron_files import NeuronSet, check_model, read_neurons, write_neurons

LANGUAGES = ["en", "ru", "zh"]
COUNTS = os.environ.get("LANGATLAS_COUNTS")  # folder of released activation counts, {language}.pt


def published(probabilities, settings: LapeSettings) -> list[list[list[int]]]:
    """LAPE in torch, step by step as its paper and release describe it, for ties-free probabilities (L, F, K)."""
    p = torch.from_numpy(probabilities)
    layers, width, languages = p.shape
    shares = p / p.sum(-1, keepdim=True)
    shares[torch.isnan(shares)] = 0
    logs = torch.where(shares > 0, shares.log(), 0)
    score = -(shares * logs).sum(-1)
    flat = p.flatten()
    threshold = flat.kthvalue(round(len(flat) * settings.filter)).values
    score[(p > threshold).sum(-1) == 0] = torch.inf
    index = score.flatten().topk(round(score.numel() * settings.rate), largest=False).indices
    bar = flat.kthvalue(round(len(flat) * settings.bar)).values
    found = [[[] for _ in range(layers)] for _ in range(languages)]
    for place in index.tolist():
        layer, neuron = divmod(place, width)
        for k in range(languages):
            if p[layer, neuron, k] > bar:
                found[k][layer].append(neuron)
    return [[sorted(neurons) for neurons in by_layer] for by_layer in found]


def as_lists(rows, languages, layers):
    return [
        [rows[(rows["language"] == label) & (rows["layer"] == layer)]["neuron"].tolist() for layer in range(layers)]
        for label in languages
    ]


def test_entropies_by_hand():
    p = np.array([[0.5, 0.2, 0.9, 0.0], [0.5, 0.0, 0.3, 0.0], [0.5, 0.0, 0.0, 0.0]])[:, None]
    by_hand = [np.log(3), 0.0, -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), 0.0]
    np.testing.assert_allclose(entropy(p)[0], by_hand, atol=1e-12)


def test_a_rank_is_that_of_kthvalue():
    values = np.random.default_rng(0).random(137)
    for share in (0.01, 0.5, 0.95, 1.0):
        assert kth_smallest(values, share) == torch.from_numpy(values).kthvalue(round(137 * share)).values.item()
    with pytest.raises(ValueError, match="rank 0"):
        kth_smallest(values, 0.001)


def test_lape_of_a_table_made_by_hand():
    """Ten neurons, three languages; the ninth decile of the thirty values is 0.7, so 0.8, 0.85 and 0.9 are above it."""
    p = np.full((3, 1, 10), 0.1) + np.arange(10) * 1e-4
    p[0, 0, 2] = 0.9  # English alone
    p[:, 0, 4] = [0.7, 0.8, 0.01]  # Russian, and nearly English
    p[:, 0, 6] = [0.6, 0.65, 0.85]  # Chinese, used by all
    rows = lape(p, LANGUAGES, LapeSettings(filter=0.9, rate=0.2, bar=0.9))
    assert rows[["language", "layer", "neuron"]].to_numpy().tolist() == [["en", 0, 2], ["ru", 0, 4]]
    shares = np.array([0.7, 0.8, 0.01]) / 1.51
    assert rows["score"][1] == pytest.approx(-(shares * np.log(shares)).sum())
    assert rows["probability"].tolist() == [0.9, 0.8]
    both = lape(p, LANGUAGES, LapeSettings(filter=0.9, rate=0.2, bar=0.8))
    assert both[both["neuron"] == 4]["language"].tolist() == ["en", "ru"], "a lower bar: two languages share it"
    more = lape(p, LANGUAGES, LapeSettings(filter=0.9, rate=0.9, bar=0.9))
    assert sorted(more["neuron"]) == [2, 4, 6], "what is above the percentile in no language is never taken"


@pytest.mark.parametrize("seed", range(3))
def test_lape_equals_the_published_steps(seed):
    generator = np.random.default_rng(seed)
    p = generator.beta(0.3, 2.0, (3, 4, 250))
    p[:, 1, 7] = 0  # never active: its entropy is not a number until it is said to be 0
    settings = LapeSettings(rate=0.02)
    wanted = published(p.transpose(1, 2, 0), settings)
    assert sum(map(len, wanted[0])) > 0
    assert as_lists(lape(p, LANGUAGES, settings), LANGUAGES, 4) == wanted


@pytest.mark.parametrize("decimals", [1, 8])  # with one, most scores are equal to others
def test_average_precision_is_that_of_scikit_learn(decimals):
    generator = np.random.default_rng(1)
    scores = np.round(generator.random((40, 15)), decimals)
    positive = generator.random(40) < 0.3
    wanted = [average_precision_score(positive, scores[:, neuron]) for neuron in range(15)]
    np.testing.assert_allclose(average_precision(scores, positive), wanted, rtol=1e-12)


def test_neurons_by_precision_are_the_planted_ones():
    generator = np.random.default_rng(2)
    means = [generator.random((9 + k, 20)) for k in range(3)]
    means[1][:, 4] += 2  # Russian alone
    means[1][:, 7] -= 2  # all but Russian
    found = precisions(means)
    assert found.shape == (3, 20)
    assert found[1, 4] == 1.0
    count = 9
    lowest = sum((i + 1) / (2 * count + i + 1) for i in range(count)) / count  # all Russian texts ranked last
    assert found[1, 7] == pytest.approx(lowest)
    rows = by_precision(found[:, None], np.full((3, 1, 20), 0.5), LANGUAGES, 2)
    russian = rows[rows["language"] == "ru"]
    assert 4 in set(russian[russian["side"] == "top"]["neuron"])
    assert 7 in set(russian[russian["side"] == "bottom"]["neuron"])
    assert rows.groupby(["language", "side"]).size().eq(2).all()
    with pytest.raises(ValueError, match="overlap"):
        by_precision(found[:, None], found[:, None], LANGUAGES, 11)


def small_set() -> NeuronSet:
    p = np.random.default_rng(3).beta(0.3, 2.0, (3, 4, 60))
    rows = lape(p, LANGUAGES, LapeSettings(rate=0.05))
    return NeuronSet(rows, LANGUAGES, (4, 60), {"method": "lape", "model": "tiny", "model_hash": "h"})


def test_neuron_sets_come_back(tmp_path):
    made = small_set()
    write_neurons(tmp_path / "n.parquet", made)
    found = read_neurons(tmp_path / "n.parquet")
    assert (found.languages, found.shape, found.method) == (LANGUAGES, (4, 60), "lape")
    assert found.rows.to_dict("list") == made.rows.to_dict("list")
    assert found.mask("ru").sum() == len(found.of("ru")) > 0
    with pytest.raises(ValueError, match="not for 'de'"):
        found.of("de")
    with pytest.raises(ValueError, match="neurons of model tiny"):
        check_model(found, "n.parquet", "other")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="not a readable neuron set"):
        read_neurons(tmp_path / "broken.parquet")


def test_the_published_neuron_file_goes_out_and_in(tmp_path):
    made = small_set()
    write_neurons(tmp_path / "n.parquet", made)
    neurons_to_file(tmp_path / "n.parquet", tmp_path / "n.pt")
    released = torch.load(tmp_path / "n.pt", weights_only=True)
    assert [[layer.tolist() for layer in layers] for layers in released] == as_lists(made.rows, LANGUAGES, 4)
    assert all(layer.dtype == torch.int64 for layers in released for layer in layers)
    neurons_from_file(tmp_path / "n.pt", tmp_path / "back.parquet", 60, LANGUAGES)
    back = read_neurons(tmp_path / "back.parquet")
    for label in LANGUAGES:
        np.testing.assert_array_equal(back.mask(label), made.mask(label))
    with pytest.raises(ValueError, match="2 languages were named"):
        neurons_from_file(tmp_path / "n.pt", tmp_path / "x.parquet", 60, ["en", "ru"])
    with pytest.raises(ValueError, match="of 3"):
        neurons_from_file(tmp_path / "n.pt", tmp_path / "x.parquet", 3, LANGUAGES)


@pytest.mark.parametrize("key", ["n", "total_tokens"])
def test_published_counts_come_in(tmp_path, key):
    counts = torch.tensor([[0, 5, 9], [1, 2, 3]], dtype=torch.int32)
    torch.save({key: 9, "over_zero": counts}, tmp_path / "en.pt")
    counts_from_file(tmp_path / "en.pt", tmp_path / "en.safetensors", {"model": "m", "language": "en"})
    found = ActivationFile(tmp_path / "en.safetensors")
    np.testing.assert_allclose(found.probability(), counts.numpy() / 9)
    assert "all.sum" not in found
    assert found.metadata["language"] == "en"
    torch.save({key: 8, "over_zero": counts}, tmp_path / "en.pt")
    with pytest.raises(ValueError, match="counts from 0 to 8"):
        counts_from_file(tmp_path / "en.pt", tmp_path / "x.safetensors", {})
    (tmp_path / "no.pt").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match="read safely"):
        counts_from_file(tmp_path / "no.pt", tmp_path / "x.safetensors", {})


@pytest.mark.skipif(not COUNTS, reason="LANGATLAS_COUNTS names no folder of released activation counts")
def test_lape_of_a_real_model_equals_the_published_steps(tmp_path):
    paths = sorted(Path(COUNTS).glob("*.pt"))
    found = []
    for path in paths:
        counts_from_file(path, tmp_path / f"{path.stem}.safetensors", {"language": path.stem})
        found.append(ActivationFile(tmp_path / f"{path.stem}.safetensors").probability())
    p, labels = np.stack(found), [path.stem for path in paths]
    rows = lape(p, labels, LapeSettings())
    assert rows.drop_duplicates(["layer", "neuron"]).shape[0] == round(0.01 * p[0].size)
    assert as_lists(rows, labels, p.shape[1]) == published(p.transpose(1, 2, 0), LapeSettings())
    assert rows.groupby("language").size().idxmin() == "en", "as published, English has the fewest"
