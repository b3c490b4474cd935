"""Clamps on models whose neurons are planted; ablation and steering of planted neuron sets, and their random controls."""

import numpy as np
import pandas as pd
import pytest
import torch

from families import CONFIGS, FFN, layout, tiny_family
from langatlas.activation_files import ActivationFile, Activations
from langatlas.intervene import index
from langatlas.intervene.ablation import silencing
from langatlas.intervene.clamps import Clamp, clamp_of, clamped
from langatlas.intervene.steering import steering
from langatlas.locate.neuron_controls import frequency_matched_mask, random_mask
from langatlas.models.neurons import hooked, n_neurons, sites
from langatlas.neuron_files import BY_FREQUENCY, COLUMNS, NeuronSet
from measuring import nll_rows
from tiny import random_sequences, tiny_llama

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


def hooks_on(model) -> int:
    found = [site.module for reading in ("gate", "product") for site in sites(model, reading)]
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in found)


@pytest.mark.parametrize("reading", ["gate", "product"])
@pytest.mark.parametrize("family", list(CONFIGS))
def test_silencing_removes_exactly_what_a_neuron_carries(family, reading):
    """What a neuron carries is its column of the down projection: without it the model must do the same."""
    model = tiny_family(family)
    width = n_neurons(model)[1]
    mask = np.zeros((2, width), bool)
    mask[0, [1, 7]] = mask[1, 3] = True
    before = logits(model)
    with clamped(model, clamp_of({}, reading, mask)) as count:
        silenced = logits(model)
    assert count == 3
    torch.testing.assert_close(logits(model), before, rtol=0, atol=0)
    assert hooks_on(model) == 0
    flat = dict(model.named_parameters())
    for layer in range(2):
        name, places = layout(model)[layer, "mlp.down", "weight"]
        with torch.no_grad():
            flat[name].view(-1)[places[:, np.flatnonzero(mask[layer])].reshape(-1)] = 0
    torch.testing.assert_close(silenced, logits(model), rtol=1e-4, atol=1e-5)
    assert (silenced - before).abs().max() > 1e-3
    assert width in (FFN, 64)


def test_a_clamp_holds_the_value_at_every_position():
    model = tiny_llama()
    mask = np.zeros((2, 12), bool)
    mask[1, [2, 5]] = True
    seen = []
    with clamped(model, clamp_of({}, "gate", mask, np.arange(24.0).reshape(2, 12) / 10)):
        hook = sites(model, "product")[1].module.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0]))
        up = model.model.layers[1].mlp.up_proj.register_forward_hook(lambda m, i, out: seen.append(out))
        logits(model)
        hook.remove(), up.remove()
    up_BTF, product_BTF = seen
    torch.testing.assert_close(product_BTF[..., [2, 5]], up_BTF[..., [2, 5]] * torch.tensor([1.4, 1.7]))


def test_a_clamp_that_does_not_fit_is_refused_and_errors_leave_no_hook():
    model = tiny_llama()
    for layers in ({5: ([0], [0.0])}, {0: ([12], [0.0])}):
        with pytest.raises(ValueError, match="2 layers of 12 neurons"), clamped(model, Clamp({}, "gate", layers)):
            pass
    with pytest.raises(KeyError), clamped(model, Clamp({}, "gate", {0: ([1], [0.0])})):
        raise KeyError
    assert hooks_on(model) == 0


def test_no_clamp_changes_the_weights_and_the_sweep_has_its_rows():
    model, text = tiny_llama(), random_sequences(4)
    mask = np.zeros((2, 12), bool)
    mask[:, 4] = True
    columns = {
        "region": "lape-ru",
        "region_language": "ru",
        "side": "top",
        "edit": "silence",
        "setting": "gate",
        "lines": 2,
    }
    rows = nll_rows(model, text, [clamp_of(columns, "gate", mask)])
    assert len(rows) == 8
    own = rows[rows["side"] == "top"]
    assert own["lines"].tolist() == [2] * 4
    assert (own["nll_nats"].to_numpy() != rows[rows["side"] == "base"]["nll_nats"].to_numpy()).all()
    assert set(own["region_language"]) == {"ru"}
    with clamp_of({}, "gate", ~np.zeros((2, 12), bool)).applied(model), hooked(model, "product", {}):
        assert hooks_on(model) == 2


def test_random_controls_have_as_many_others_of_every_layer():
    mask = np.zeros((3, 40), bool)
    mask[0, :5] = mask[2, 10:13] = True
    probability = np.random.default_rng(0).random((3, 40))
    draws = [random_mask(mask, seed) for seed in range(20)]
    draws += [frequency_matched_mask(mask, probability, seed) for seed in range(20)]
    for drawn in draws:
        np.testing.assert_array_equal(drawn.sum(1), [5, 0, 3])
        assert not (drawn & mask).any()
    assert len({drawn.tobytes() for drawn in draws}) > 30
    with pytest.raises(ValueError, match="only 10 others"):
        random_mask(np.arange(40)[None] < 30, 1)


def test_a_control_of_equal_frequency_has_about_the_same_frequency():
    probability = np.linspace(0, 1, 400)[None]
    mask = np.zeros((1, 400), bool)
    mask[0, 380:] = True  # the most active neurons
    matched = np.mean([probability[frequency_matched_mask(mask, probability, seed)].mean() for seed in range(20)])
    random = np.mean([probability[random_mask(mask, seed)].mean() for seed in range(20)])
    assert abs(random - 0.475) < 0.05
    assert matched > 0.9, "the nearest that there are"


def planted(tmp_path):
    """Two languages with two neurons each, one of them shared, and their activation files."""
    rows = [("lape", language, "top", layer, neuron, 0.1, 0.5) for language, layer, neuron in PLANTED]
    metadata = {"method": "lape", "model": "tiny", "model_hash": "h"}
    found = NeuronSet(pd.DataFrame(rows, columns=COLUMNS), ["en", "ru", "zh"], (2, 12), metadata)
    activations = {}
    for number, language in enumerate(("en", "ru"), start=1):
        statistics = {"all.positive": np.full((2, 12), 5 * number), "all.sum": np.full((2, 12), 3.0 * number)}
        described = {"model": "tiny", "model_hash": "h", "language": language, "reading": "gate"}
        Activations(statistics, {"all": 10}, []).write(tmp_path / language, described)
        activations[language] = ActivationFile(tmp_path / language)
    return found, activations


PLANTED = [("en", 0, 2), ("en", 1, 3), ("ru", 0, 2), ("ru", 1, 7)]


def test_silencing_of_a_set_and_its_controls(tmp_path):
    found, activations = planted(tmp_path)
    activations["zh"] = activations["ru"]  # without neurons: no clamp
    made = list(silencing(found, activations, sides=["top", "bottom"], controls=["layer", "frequency"], seeds=[1, 2]))
    assert [clamp.columns["region"] for clamp in made] == ["lape-en"] * 5 + ["lape-ru"] * 5
    assert made[0].layers == {0: ([2], [0.0]), 1: ([3], [0.0])}
    assert [clamp.columns["side"] for clamp in made[:5]] == ["top"] + ["random"] * 4
    assert [clamp.columns["setting"].endswith(BY_FREQUENCY) for clamp in made[:5]] == [False] * 3 + [True] * 2
    assert all(clamp.size == 2 for clamp in made)
    assert made[0].columns["ratio"] == pytest.approx(2 / 24)


def test_steering_sets_the_target_to_its_mean_and_silences_the_rest_of_the_source(tmp_path):
    found, activations = planted(tmp_path)
    both, silence, mean, random = steering(found, activations, [("en", "ru")], 1)
    assert both.layers == {0: ([2], [0.6]), 1: ([3, 7], [0.0, 0.6])}, "the shared neuron is the target's"
    assert silence.layers == {1: ([3], [0.0])}
    assert mean.layers == {0: ([2], [0.6]), 1: ([7], [0.6])}
    assert (random.columns["side"], random.size) == ("random", 3)
    assert sorted(random.layers[1][1]) == [0.0, 0.6]
    assert not {3, 7} & set(random.layers[1][0])
    assert (both.columns["region_language"], both.columns["target"]) == ("en", "ru")


def test_clamps_come_back_from_their_file(tmp_path):
    found, activations = planted(tmp_path)
    made = list(steering(found, activations, [("en", "ru")], 1))
    index.write(made, tmp_path / "c.json", model="tiny", model_hash="h", metadata={})
    assert list(index.read(tmp_path / "c.json", "h").values()) == made
    with pytest.raises(ValueError, match="interventions of model tiny"):
        index.read(tmp_path / "c.json", "other")
