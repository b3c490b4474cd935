"""Silencing and steering on models whose neurons are planted, controls on hand-made tables, the table on hand-made rows."""

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
from langatlas.intervene.sweep import sweep
from langatlas.locate.neuron_controls import frequency_matched_mask, random_mask
from langatlas.measure import job
from langatlas.measure import perplexity as measured
from langatlas.models.neurons import hooked, n_neurons, sites
from langatlas.neuron_files import BY_FREQUENCY, COLUMNS, NeuronSet
from langatlas.present.tables import edits, perplexity
from langatlas.present.tables import silencing as silencing_table
from langatlas.tokens import TokenShard
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
    sizes = np.array([len(ids) for ids in text])
    shard = TokenShard("memory", text, sizes, sizes, {"language": "ru"})
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

    def observe(_):
        return measured.language_rows(model, shard, None, 2, "float32")

    rows = sweep(model, {"clamp": clamp_of(columns, "gate", mask)}, observe)
    assert len(rows) == 8
    own = rows[rows["side"] == "top"]
    assert own["lines"].tolist() == [2] * 4
    assert (own["nll_nats"].to_numpy() != rows[rows["side"] == "base"]["nll_nats"].to_numpy()).all()
    assert index.described(clamp_of(columns, "gate", mask))["region_language"] == "ru"
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
    with pytest.raises(ValueError, match="tiny"):
        index.read(tmp_path / "c.json", "other")


def write_rows(path, language, nll):
    """``nll``: (region_language, side, setting, seed) -> NLL of three sequences of 2, 3 and 5 tokens."""
    frames = []
    for (of, side, setting, seed), values in nll.items():
        frame = pd.DataFrame({"sequence": range(3), "nll_nats": values, "n_tokens": [2, 3, 5], "n_bytes": [9, 9, 9]})
        frame = frame.assign(side=side, seed=seed, setting=setting, n_characters=9)
        if of:
            frame = frame.assign(region=f"lape-{of}", region_language=of, edit="silence", lines=4)
        frames.append(frame)
    described = {"model": "m", "experiment": "e", "language": language}
    job.write_rows(pd.concat(frames, ignore_index=True), path, measured.SCHEMA, described, {})


def test_the_table_of_silencing_by_hand(tmp_path):
    base, own = [4.0, 6.0, 10.0], [6.0, 6.0, 18.0]
    nll = {(None, "base", None, None): base, ("ru", "top", "gate", None): own}
    nll |= {("ru", "random", "gate", seed): [5.0, 6.0, 10.0 + 2 * seed] for seed in (1, 2)}
    nll |= {("ru", "random", f"gate, {BY_FREQUENCY}", seed): [4.0, 6.0, 10.0 + 4 * seed] for seed in (1, 2)}
    write_rows(tmp_path / "ru.parquet", "ru", nll)
    write_rows(tmp_path / "en.parquet", "en", dict.fromkeys(nll, base))
    paths = [tmp_path / "ru.parquet", tmp_path / "en.parquet"]
    table = silencing_table.build(paths, resamples=100, permutations=100, seed=1).set_index("language")
    ru, en = table.loc["ru"], table.loc["en"]
    assert ru["ratio_to_base"] == pytest.approx(np.exp((30 - 20) / 10))
    assert ru["ratio_to_random"] == pytest.approx(np.exp((30 - 24) / 10))  # mean over seeds: 5, 6, 13
    assert ru["ratio_to_frequency"] == pytest.approx(np.exp((30 - 26) / 10))  # 4, 6, 16
    assert ru["log_perplexity_published"] == pytest.approx((6 / 2 + 6 / 3 + 18 / 5) / 3)
    assert ru["log_perplexity_change_published"] == pytest.approx((2 / 2 + 0 + 8 / 5) / 3)
    assert (ru["rank"], en["rank"]) == (1, 2)
    assert (ru["n_neurons"], ru["n_seeds"], ru["method"]) == (4, 2, "lape")
    assert en["ratio_to_base"] == en["ratio_to_frequency"] == 1.0
    parts = silencing_table.wide(table.reset_index())
    assert next(iter(parts)) == "m: lape, top: × base"
    assert "2.72" in str(parts["m: lape, top: × base"]["ru"][0])


def test_the_table_of_perplexities_agrees_and_the_table_of_edits_leaves_neurons_out(tmp_path):
    """The general table pairs a set with the control of equal number by layer, as this one does; edits are of weights only."""
    nll = {(None, "base", None, None): [4.0, 6.0, 10.0], ("ru", "top", "gate", None): [6.0, 6.0, 18.0]}
    nll |= {("ru", "random", "gate", seed): [5.0, 6.0, 10.0 + 2 * seed] for seed in (1, 2)}
    nll |= {("ru", "random", f"gate, {BY_FREQUENCY}", 1): [4.0, 6.0, 14.0]}
    write_rows(tmp_path / "ru.parquet", "ru", nll)
    settings = {"resamples": 200, "permutations": 200, "seed": 1}
    general = perplexity.build([tmp_path / "ru.parquet"], **settings)
    top = general[general["side"] == "top"].iloc[0]
    own = silencing_table.build([tmp_path / "ru.parquet"], **settings).iloc[0]
    for name in ("ratio_to_base", "ratio_to_base_low", "ratio_to_random", "ratio_to_random_high", "p_value"):
        assert own[name] == pytest.approx(top[name]), name
    assert edits.build(general).empty
