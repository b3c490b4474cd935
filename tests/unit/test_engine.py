"""Which engine runs a model, and the memory that the choice rests on, against a count of what autograd keeps."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.models import engine
from langatlas.models.checkpoint import Manifest
from langatlas.models.engine import GIB, Devices, Size
from langatlas.models.nll import Batch, token_nll
from tiny import tiny_llama

# LLaMA-2-7B and a 70B of the same family, by their published shapes.
SEVEN = Size(6_738_415_616, 202_383_360, 32, 4096, 11008, 32000, 2)
SEVENTY = Size(68_976_648_192, 855_654_400, 80, 8192, 28672, 32000, 2)
GPU = Devices("GPU", 8, 80 * GIB)


def chosen(size, asked="auto", purpose="importance", devices=GPU, offload=False, tokens=8 * 512):
    activations = engine.activation_bytes(size, tokens, "bfloat16")
    return engine.choose(asked, purpose, size, devices, offload, activations)


def kept_bytes(model, sequences: int, tokens: int) -> int:
    """What autograd keeps for the backward pass of one batch, weights aside, each storage once."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor  # alive, so that no address is used twice
        return tensor

    lengths = torch.full((sequences,), tokens)
    batch = Batch(torch.zeros(sequences, tokens, dtype=torch.long), lengths, np.arange(sequences))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        token_nll(model, batch).sum()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_layer_more_keeps_what_the_formula_says(dtype):
    def kept(layers):
        config = LlamaConfig(
            vocab_size=64, hidden_size=96, intermediate_size=256, num_hidden_layers=layers, num_attention_heads=4
        )
        return kept_bytes(LlamaForCausalLM(config).to(getattr(torch, dtype)).eval(), sequences=4, tokens=48)

    def estimated(layers):
        size = Size(0, 0, layers, 96, 256, 64, getattr(torch, dtype).itemsize)
        return engine.activation_bytes(size, 4 * 48, dtype)

    assert estimated(3) - estimated(2) == pytest.approx(kept(3) - kept(2), rel=0.03)
    assert estimated(3) == pytest.approx(kept(3), rel=0.1)


def test_sizes_are_read_from_the_config_alone(tmp_path):
    model = tiny_llama(layers=3)
    model.config.save_pretrained(tmp_path)
    size = engine.size_of(Manifest("tiny", str(tmp_path), "1", "llama", 23, "abc", "bfloat16"))
    assert size.parameters == sum(p.numel() for p in model.parameters())
    block = sum(p.numel() for p in model.model.layers[1].parameters())
    assert size.largest_part == max(block, model.lm_head.weight.numel())
    assert (size.layers, size.hidden, size.ffn, size.vocabulary, size.bytes_per_weight) == (3, 8, 12, 23, 2)


def test_memory_by_hand():
    """One billion parameters in bf16, a tenth of them in the largest part, four devices, no activations: GB by the table."""
    size = Size(10**9, 10**8, 1, 1, 1, 1, 2)

    def gigabytes(purpose, name, offload=False):
        return engine.device_bytes(size, purpose, name, 4, offload, 0) / 1e9

    assert gigabytes("importance", "single") == pytest.approx(2 + 4 + 0.2)
    assert gigabytes("importance", "zero2") == pytest.approx(2 + 8 / 4 + 1.0)
    assert gigabytes("importance", "zero3") == pytest.approx((2 + 8) / 4 + 0.4 + 1.0)
    assert gigabytes("importance", "zero3", offload=True) == pytest.approx(0.4 + 1.0)
    assert gigabytes("training", "single") == pytest.approx(2 + 2 + 16)
    assert gigabytes("training", "zero2") == pytest.approx(2 + 16 / 4 + 1.0)


def test_auto_takes_the_first_engine_that_fits_and_says_why(caplog):
    caplog.set_level(logging.INFO, "langatlas")
    assert chosen(SEVEN) == "single"
    assert (
        "engine single, because it is the first that fits: GiB a device would be single 62.25, zero2 44.93, zero3"
        in caplog.text
    )
    assert chosen(SEVEN, devices=replace(GPU, memory=32 * GIB), tokens=512) == "zero2"
    assert chosen(SEVENTY, devices=replace(GPU, nodes=2), tokens=512) == "zero3"
    assert chosen(SEVEN, purpose="training") == "zero2"


def test_a_model_that_fits_nowhere_is_an_error_that_says_what_helps():
    one = replace(GPU, count=1)
    with pytest.raises(ValueError, match=r"68.98 billion parameters fits no engine on 1 GPU .* give the job more GPUs"):
        chosen(SEVENTY, devices=one, tokens=512)
    assert chosen(SEVENTY, devices=one, tokens=512, offload=True) == "zero3"


def test_on_a_cpu_auto_is_single_and_what_the_config_says_is_done(caplog):
    caplog.set_level(logging.INFO, "langatlas")
    cpu = Devices("CPU", 2, GIB)
    assert chosen(SEVEN, devices=cpu) == "single"
    assert chosen(SEVEN, asked="zero3", devices=cpu) == "zero3"
    assert "because the config says so, though it may not fit" in caplog.text
    with pytest.raises(
        ValueError, match="engine 'zero3' does not serve training; it must be one of auto, single, zero2"
    ):
        chosen(SEVEN, asked="zero3", purpose="training")
