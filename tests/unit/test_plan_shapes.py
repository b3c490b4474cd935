"""Shapes, rates and memory of the plan against published sizes and what autograd saves."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from langatlas.models.nll import pad, token_nll
from langatlas.plan import memory, rates, shapes
from planned import HUB, SIZES, small_llama, small_shape


@pytest.mark.parametrize(
    ("checkpoint", "published"), [(k, v["parameters"]) for k, v in shapes.known_architectures().items()]
)
def test_a_known_checkpoint_has_as_many_parameters_as_its_authors_publish(checkpoint, published):
    assert shapes.shape_of(HUB | {"path": checkpoint}, "results", "m").parameters == published


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "gemma2"])
def test_tensors_of_a_family_are_those_that_transformers_makes(family):
    config = {**SIZES, "head_dim": 32, "model_type": family, "tie_word_embeddings": int(family == "gemma2")}
    extra = {} if family == "qwen2" else {"head_dim": 32}
    made = AutoConfig.for_model(family, **SIZES, **extra, tie_word_embeddings=family == "gemma2")
    if family == "qwen2":
        config.pop("head_dim")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(made)
    expected = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes.llama_tensors(config) == expected


def test_a_checkpoint_that_is_here_is_measured_by_its_headers_and_an_unknown_one_is_an_error(tmp_path):
    model = small_llama()
    model.save_pretrained(tmp_path)
    found = shapes.shape_of(HUB | {"path": str(tmp_path)}, "results", "m")
    assert dict(found.tensors) == {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert (found.hidden, found.layers, found.key_value_heads) == (64, 3, 2)
    with pytest.raises(ValueError, match=r"the sizes of 'nobody/nothing' are not known here.*Add a line"):
        shapes.shape_of(HUB | {"path": "nobody/nothing"}, "results", "m")


def test_rates_are_measured_scaled_or_computed_and_say_which(tmp_path, monkeypatch):
    table = tmp_path / "throughput.csv"
    monkeypatch.setattr(rates, "THROUGHPUT", table)
    row = {
        "device": "X",
        "measure": "forward",
        "dtype": "float32",
        "sequence_length": 128,
        "batch_size": 4,
        "source": "s",
    }
    rates.record(table, **row, parameters=1_000_000, tokens_per_s=1000)
    rates.record(table, **row, parameters=1_000_000, tokens_per_s=3000)  # in place of the first
    rates.record(table, **row, parameters=9_000_000, tokens_per_s=500)
    assert len(rates.read(table)) == 2
    assert rates.rate("X", "forward", 1_005_000) == rates.Rate(3000.0, "measured", "s")
    scaled = rates.rate("X", "forward", 2_000_000)
    assert (scaled.tokens_per_s, scaled.how) == (1500, "scaled")
    assert rates.rate("X", "forward", 8_000_000).tokens_per_s == 562.5
    computed = rates.rate("H100", "importance", 7_000_000_000)
    assert computed.tokens_per_s == pytest.approx(0.40 * 989e12 / 6 / 7e9)
    assert computed.how == "computed"
    assert rates.rate("H100", "forward", 7_000_000_000).tokens_per_s == pytest.approx(3 * computed.tokens_per_s)
    with pytest.raises(ValueError, match="no importance was measured on X"):
        rates.rate("X", "importance", 1)
    with pytest.raises(ValueError, match="device 'Y' is not known"):
        rates.rate("Y", "importance", 1)
    with pytest.raises(ValueError, match="a throughput has the columns"):
        rates.record(table, device="X")


def saved_bytes(model) -> int:
    """Bytes that autograd keeps for the backward pass of 2 x 48 tokens, the weights aside."""
    weights, saved = {p.untyped_storage().data_ptr() for p in model.parameters()}, {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = (storage.nbytes(), tensor)  # kept alive: addresses stay different
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = token_nll(model, pad([np.arange(48)] * 2, range(2))).sum()
    del loss
    return sum(size for size, _ in saved.values())


@pytest.mark.parametrize(("dtype", "kind"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
@pytest.mark.parametrize("sizes", [{}, {"num_key_value_heads": 4, "intermediate_size": 96}])
def test_activations_are_what_autograd_saves(dtype, kind, sizes):
    few, many = ({**sizes, "num_hidden_layers": layers} for layers in (2, 7))
    saved = saved_bytes(small_llama(kind, **many)) - saved_bytes(small_llama(kind, **few))
    planned = [memory.activations(small_shape(dtype, **s), 2 * 48) for s in (many, few)]
    assert planned[0] - planned[1] == pytest.approx(saved, rel=0.02)
