"""Activation statistics against values that are computed by hand from the weights, for every family."""

import numpy as np
import pytest
import torch
from transformers.activations import ACT2FN

from families import CONFIGS, GATED, layout, tiny_family
from langatlas.activation_files import ActivationFile, Activations, add_shards, open_together
from langatlas.locate.activations import activations_of
from langatlas.models.neurons import hooked, n_neurons, sites
from tiny import random_sequences, tiny_llama

SETTINGS = {"batch_size": 3, "precision": "float32"}
METADATA = {"model": "tiny", "model_hash": "h", "language": "ru", "reading": "gate", "precision": "float32"}
ACTIVATION = {"opt": "relu", "gpt2": "gelu_new", "gpt_neox": "gelu", "phi": "gelu_new", "gemma2": "gelu_pytorch_tanh"}


def hidden_into_mlp(model, ids) -> list[torch.Tensor]:
    """What each layer's first feed-forward matrix is given for one sequence, unbatched, (T, H)."""
    seen = []
    names = [n for n, m in model.named_modules() if n.rpartition(".")[2] in FIRST and "attention" not in n]
    hooks = [
        model.get_submodule(n).register_forward_pre_hook(lambda m, i: seen.append(i[0].reshape(-1, i[0].shape[-1])))
        for n in names
    ]
    with torch.no_grad():
        model(torch.from_numpy(ids.astype(np.int64))[None])
    for hook in hooks:
        hook.remove()
    return seen


FIRST = ("up_proj", "gate_up_proj", "fc1", "c_fc", "dense_h_to_4h")


def by_hand(model, ids, layer: int, reading: str, hidden_TH) -> torch.Tensor:
    """(T, F) act(gate) or act(gate) * up, from the stored weights alone."""
    family, places = model.config.model_type, layout(model)
    flat = {name: p.detach().reshape(-1) for name, p in model.named_parameters()}

    def linear(module):
        name, where = places[layer, module, "weight"]
        out = hidden_TH @ flat[name][where].T
        if (layer, module, "bias") in places:
            name, where = places[layer, module, "bias"]
            out = out + flat[name][where]
        return out

    if family == "bloom":
        x = linear("mlp.up")
        return x * 0.5 * (1 + torch.tanh(0.79788456 * x * (1 + 0.044715 * x * x)))
    act = ACT2FN[ACTIVATION.get(family, "silu")]
    if family not in GATED:
        return act(linear("mlp.up"))
    gate = act(linear("mlp.gate"))
    return gate * linear("mlp.up") if reading == "product" else gate


@pytest.mark.parametrize("reading", ["gate", "product"])
@pytest.mark.parametrize("family", list(CONFIGS))
def test_statistics_of_every_family_are_those_of_the_weights(family, reading):
    model, text = tiny_family(family), random_sequences(5)
    found = activations_of(model, text, reading=reading, keep_means=4, **SETTINGS)
    layers, width = n_neurons(model)
    for layer in range(layers):
        each = [by_hand(model, ids, layer, reading, hidden_into_mlp(model, ids)[layer]) for ids in text]
        values = torch.cat(each).double().numpy()
        assert values.shape == (sum(map(len, text)), width)
        # Another processor may round what is almost zero to the other side of it.
        undecided = ((values != 0) & (np.abs(values) < 1e-5)).sum(0)
        assert undecided.sum() < 5
        for name, expected in (("positive", values > 0), ("negative", values < 0), ("zero", values == 0)):
            assert (np.abs(found.statistics[f"all.{name}"][layer] - expected.sum(0)) <= undecided).all()
        np.testing.assert_allclose(found.statistics["all.sum"][layer], values.sum(0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.statistics["all.sum_squares"][layer], (values**2).sum(0), rtol=1e-4, atol=1e-4)
        means = np.stack([one.mean(0).numpy() for one in each[:4]])
        np.testing.assert_allclose(found.means[layer], means, rtol=1e-4, atol=1e-4)
    if family == "opt":
        assert found.statistics["all.zero"].sum() > 0, "ReLU gives exact zeros"
    assert found.tokens == {"all": sum(map(len, text))}


def test_no_batch_and_no_padding_changes_a_count():
    model, text = tiny_llama(), random_sequences(9)
    alone = activations_of(model, text, reading="gate", keep_means=9, batch_size=1, precision="float32")
    for batch_size in (2, 4, 9):
        found = activations_of(model, text, reading="gate", keep_means=9, batch_size=batch_size, precision="float32")
        for name in ("all.positive", "all.zero", "all.negative"):
            np.testing.assert_array_equal(found.statistics[name], alone.statistics[name])
        np.testing.assert_allclose(np.stack(found.means), np.stack(alone.means), rtol=1e-4, atol=1e-5)
        assert found.tokens == alone.tokens


def test_a_sequence_of_no_tokens_in_a_padded_batch_counts_nothing_and_leaves_its_neighbours_alone():
    """Its share in a mean is 0 / 0, and what is no number times 0 is none either: it would reach the sequences beside it."""
    model, text = tiny_llama(), random_sequences(4)
    alone = activations_of(model, [text[i] for i in (0, 1, 3)], reading="gate", keep_means=3, **SETTINGS)
    settings = {"batch_size": 4, "precision": "float32"}
    found = activations_of(model, [*text[:2], text[2][:0], text[3]], reading="gate", keep_means=4, **settings)
    assert found.tokens == alone.tokens
    np.testing.assert_array_equal(found.statistics["all.positive"], alone.statistics["all.positive"])
    np.testing.assert_allclose(np.stack(found.means)[:, [0, 1, 3]], np.stack(alone.means), rtol=1e-4, atol=1e-5)
    assert not np.stack(found.means)[:, 2].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_counts_are_exact_where_the_model_runs_in_bfloat16(dtype):
    """A sequence of 900 tokens: bfloat16 holds whole numbers up to 256 only."""
    model, text = tiny_llama(dtype=dtype), [np.arange(900, dtype=np.uint32) % 23]
    seen = []
    hooks = {0: lambda values: seen.append(values.float())}
    found = activations_of(model, text, reading="gate", batch_size=1, precision="bfloat16")
    with torch.no_grad(), hooked(model, "gate", hooks), torch.autocast("cpu", torch.bfloat16):
        model(torch.from_numpy(text[0].astype(np.int64))[None])
    np.testing.assert_array_equal(found.statistics["all.positive"][0], (seen[0][0] > 0).sum(0).numpy())
    np.testing.assert_array_equal(found.statistics["all.negative"][0], (seen[0][0] < 0).sum(0).numpy())
    np.testing.assert_allclose(found.statistics["all.sum"][0], seen[0][0].double().sum(0).numpy(), rtol=1e-4, atol=1e-4)


def test_a_planted_neuron_counts_its_tokens():
    """Neuron 5 of layer 0 has its gate on the part of the embedding that only token 3 has."""
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = -1.0
        model.model.embed_tokens.weight[3, 0] = 1.0
        for block in model.model.layers:
            block.self_attn.o_proj.weight.zero_()  # so that the feed-forward layer sees the embedding, scaled
        model.model.layers[0].mlp.gate_proj.weight[5] = torch.eye(8)[0]
    text = random_sequences(12)
    found = activations_of(model, text, reading="gate", **SETTINGS)
    wanted = sum(int((ids == 3).sum()) for ids in text)
    assert wanted > 0
    assert found.statistics["all.positive"][0, 5] == wanted
    assert found.statistics["all.negative"][0, 5] == found.tokens["all"] - wanted


def test_hooks_are_gone_even_after_an_error():
    model = tiny_llama()

    def hooks():
        return [
            len(s.module._forward_hooks) + len(s.module._forward_pre_hooks)
            for r in ("gate", "product")
            for s in sites(model, r)
        ]

    def broken(values):
        raise RuntimeError("broken")

    for reading in ("gate", "product"):
        with hooked(model, reading, {1: lambda values: None}):
            assert sum(hooks()) == 1
        with pytest.raises(RuntimeError, match="broken"), hooked(model, reading, {1: broken}):
            model(torch.tensor([[1, 2, 3]]))
        assert sum(hooks()) == 0


def test_shards_add_up_to_the_whole_text(tmp_path):
    model, text = tiny_llama(), random_sequences(7)
    whole = activations_of(model, text, reading="gate", keep_means=5, **SETTINGS)
    paths = [str(tmp_path / f"{number}.safetensors") for number in range(3)]
    for number, path in enumerate(paths):
        activations_of(model, text[number::3], reading="gate", keep_means=5, **SETTINGS).write(path, METADATA)
    add_shards(paths, str(tmp_path / "all.safetensors"), 5, {"code": "c"})
    found = ActivationFile(tmp_path / "all.safetensors")
    assert (found.tokens, found.sequences, found.metadata["code"]) == (whole.tokens, 5, "c")
    for name in ("all.positive", "all.zero", "all.negative"):
        np.testing.assert_array_equal(found[name], whole.statistics[name])
        assert found[name].dtype == np.int64
    np.testing.assert_allclose(found["all.sum"], whole.statistics["all.sum"], rtol=1e-5, atol=1e-5)
    for layer in range(2):
        np.testing.assert_allclose(found.means(layer), whole.means[layer], rtol=1e-4, atol=1e-5)


def test_shards_of_different_models_do_not_add(tmp_path):
    counted = Activations({"all.positive": np.ones((1, 2), np.int64)}, {"all": 2}, [])
    for number, changed in enumerate([{}, {"model_hash": "other"}]):
        counted.write(tmp_path / f"{number}.safetensors", METADATA | changed)
    with pytest.raises(ValueError, match="model_hash is 'other'"):
        open_together([str(tmp_path / f"{number}.safetensors") for number in range(2)])


def test_an_activation_that_is_no_number_is_refused(tmp_path):
    model = tiny_llama()
    with torch.no_grad():
        model.model.layers[1].mlp.gate_proj.weight[0, 0] = float("nan")
    found = activations_of(model, random_sequences(3), reading="gate", **SETTINGS)
    with pytest.raises(ValueError, match="sum of layer 1 is not finite"):
        found.write(tmp_path / "x.safetensors", METADATA)
