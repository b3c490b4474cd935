"""Tokens a second of this device, written into resources/throughput.csv, from which `make plan` reckons.

A GPU runs the shape of LLaMA-2-7B with random weights in bfloat16, a processor that of the default's mini model on one thread.
"""

import time
from functools import partial

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.measure.perplexity import sequence_nll
from langatlas.models import devices
from langatlas.models.nll import batches
from langatlas.plan import rates

MINI = {
    "hidden_size": 160,
    "intermediate_size": 432,
    "num_hidden_layers": 7,
    "num_attention_heads": 5,
    "vocab_size": 6144,
}
SEVEN = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}


def this_device(device: torch.device) -> str:
    """Its name in resources/devices.csv where one is part of what the driver says; CPU."""
    if device.type == "cpu":
        return "CPU"
    name = torch.cuda.get_device_name(device)
    return next((known for known in sorted(rates.devices(), reverse=True) if known in name), name)


def tokens_per_s(run, tokens: int, device: torch.device, rounds: int = 3) -> float:
    """Median of several turns after one that is not counted."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return tokens / sorted(taken[1:])[rounds // 2]


def test_throughput_is_written_down(record):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = devices.pick_device()
    gpu = device.type == "cuda"
    length, batch_size, dtype = (512, 8, torch.bfloat16) if gpu else (128, 8, torch.float32)
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = LlamaForCausalLM(LlamaConfig(**(SEVEN if gpu else MINI), max_position_embeddings=length)).eval()
    finally:
        torch.set_default_dtype(torch.float32)
    precision = devices.resolve_precision("auto", device)
    generator = np.random.default_rng(0)
    text = [generator.integers(0, model.config.vocab_size, length).astype(np.uint32) for _ in range(4 * batch_size)]
    prepared = [batch.to(device) for batch in batches(text, batch_size)]
    settings = {"batch_size": batch_size, "reduction": "corrected", "precision": precision}
    measured = {}
    tokens = len(text) * (length - 1)
    forward = partial(sequence_nll, model, prepared, len(text), precision)
    measured["forward"] = tokens_per_s(forward, tokens, device)
    with GradientSum(model) as sums:
        both = partial(accumulate, model, text, sums, Progress(), **settings)
        measured["importance"] = tokens_per_s(both, tokens, device)
    parameters = sum(p.numel() for p in model.parameters())
    for measure, speed in measured.items():
        rates.record(
            rates.THROUGHPUT, device=this_device(device), measure=measure, parameters=parameters,
            dtype=str(dtype).removeprefix("torch."), sequence_length=length, batch_size=batch_size,
            tokens_per_s=round(speed), source=f"make bench, products in {precision}",
        )  # fmt: skip
        record(speed, float("nan"), f"(tokens/s, {measure})")
    # A token costs three times as much forward and backward as forward: far from it, something else was measured.
    assert 1.5 < measured["forward"] / measured["importance"] < 8
