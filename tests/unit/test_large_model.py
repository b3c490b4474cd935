"""The benchmark of a model of seven billion parameters, on a tiny one: the same functions run, and their counts are right."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import large_model
import machine
from langatlas.plan import shapes

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 50,
}  # fmt: skip


@pytest.fixture(autouse=True)
def known_peaks(monkeypatch):
    monkeypatch.setattr(machine, "peaks", lambda *_: machine.Peaks(flops=1e9, bandwidth=1e9))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_large_benchmark_runs_on_a_tiny_shape(dtype, tmp_path):
    found = large_model.measure(TINY, machine.CPU, dtype, tmp_path, length=12, batch_size=2, batches=2, rounds=1)
    assert [row.measure for row in found] == ["importance", "removal sweep"]
    weights = torch.empty(0, dtype=dtype).element_size()
    for row, held in zip(found, (weights + 4, weights), strict=True):
        assert row.tokens_per_s > 0
        assert row.peak_bytes is None
        assert row.planned_bytes > held * large_model.parameters_of(TINY)
        passes = 3 if row.measure == "importance" else 1
        config = LlamaConfig(**TINY)
        assert row.share == pytest.approx(machine.llama_flop(config, 1, 12, passes) * row.tokens_per_s / 1e9)


def test_the_planned_shape_has_the_tensors_of_the_model():
    model = large_model.build(TINY, machine.CPU, torch.bfloat16, 12)
    assert dict(large_model.shape_of(TINY, torch.bfloat16).tensors) == {
        n: tuple(p.shape) for n, p in model.named_parameters()
    }
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert torch.get_default_dtype() == torch.float32


def test_seven_billion_is_the_published_shape():
    known = shapes.known_architectures()["meta-llama/Llama-2-7b-hf"]
    assert large_model.parameters_of(large_model.SEVEN) == known["parameters"]


def test_the_random_region_has_its_ratio(tmp_path):
    model = large_model.build(TINY | {"hidden_size": 64, "intermediate_size": 128}, machine.CPU, torch.float32, 12)
    region = large_model.random_region(model, tmp_path / "r.safetensors")
    counted = sum(map(region.count, region.names)) / sum(map(region.numel, region.names))
    assert counted == pytest.approx(large_model.RATIO, rel=0.2)


def test_flop_of_a_llama_are_those_that_torch_counts():
    """Counted by torch's own dispatcher; it counts all of the scores, of which half are masked."""
    from torch.utils.flop_counter import FlopCounterMode

    config = LlamaConfig(**TINY)
    config._attn_implementation = "eager"
    model, tokens = LlamaForCausalLM(config), torch.zeros(3, 20, dtype=torch.long)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(tokens)
    attention = 2 * config.num_hidden_layers * config.hidden_size * 20 * 60
    assert counter.get_total_flops() == pytest.approx(machine.llama_flop(config, 60, 20) + attention, rel=0.01)


@pytest.mark.parametrize(
    ("flop", "moved", "said"), [(4e8, 1e8, "FLOP: 0.40 of the machine"), (1e8, 5e8, "bytes: 0.50 of the machine")]
)
def test_a_part_runs_against_the_slower_of_two_limits(flop, moved, said):
    assert machine.limit(1.0, flop, moved) == said
