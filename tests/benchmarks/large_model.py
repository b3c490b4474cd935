"""Speed and memory of importance and of the removal sweep on a model with random weights, whatever its size and device.

On a GPU the shape of LLaMA-2-7B in bfloat16; a unit test runs the same functions on a tiny shape on the processor.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import machine
from langatlas.intervene.removal import Removal, columns_of
from langatlas.intervene.sweep import Observe, sweep
from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.measure import perplexity
from langatlas.measure.job import Job
from langatlas.models import devices
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.plan import memory, shapes
from langatlas.region import Region, RegionWriter
from tiny import write_shard

SEVEN = {
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "vocab_size": 32000,
}  # fmt: skip
MINI = {
    "hidden_size": 160, "intermediate_size": 432, "num_hidden_layers": 7, "num_attention_heads": 5,
    "num_key_value_heads": 5, "vocab_size": 6144,
}  # fmt: skip
RATIO = 0.03  # of the parameters of the blocks, removed at random


@dataclass(frozen=True)
class Measured:
    """``peak_bytes`` is None on a processor, where no allocator counts. ``share``: of the measured peak of products."""

    measure: str
    tokens_per_s: float
    share: float
    peak_bytes: int | None
    planned_bytes: float


def build(sizes: dict, device: torch.device, dtype: torch.dtype, length: int) -> LlamaForCausalLM:
    """A Llama of these sizes with random weights, made where it stays."""
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with device:
            return LlamaForCausalLM(LlamaConfig(**sizes, max_position_embeddings=length)).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def shape_of(sizes: dict, dtype: torch.dtype) -> shapes.Shape:
    """The same sizes as `make plan` knows them."""
    architecture = {key: value for key, value in sizes.items() if key != "vocab_size"}
    entry = {"source": "mini", "dtype": str(dtype).removeprefix("torch."), "vocabulary_size": sizes["vocab_size"]}
    return shapes.shape_of(entry | {"architecture": architecture}, "results", "model")


def random_text(vocabulary: int, count: int, length: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, vocabulary, length).astype(np.uint32) for _ in range(count)]


def random_region(model: torch.nn.Module, path: Path, model_hash: str = "h") -> Region:
    """Random parameters of every block, RATIO of them; places repeat from tensor to tensor, which costs no time to draw."""
    adapter = adapter_for(model.config.model_type)
    tensors = {n: tuple(p.shape) for n, p in model.named_parameters() if locate_parameter(n, adapter)}
    pool = np.random.default_rng(0).random(max(int(np.prod(shape)) for shape in tensors.values()), np.float32) < RATIO
    described = {
        "region": "core",
        "scope": "matrix",
        "samples": "1",
        "side": "random-1",
        "seed": "1",
        "ratio": str(RATIO),
    }
    with RegionWriter(path, tensors, described | {"model": "random", "model_hash": model_hash}) as writer:
        for name, shape in tensors.items():
            writer.write_mask(name, pool[: int(np.prod(shape))].reshape(shape))
    return Region.open(path)


def timed(call, device: torch.device, rounds: int) -> tuple[float, int | None]:
    """Median seconds of several turns after one that is not counted, and the largest memory that was allocated meanwhile."""
    gpu, taken = device.type == "cuda", []
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(rounds + 1):
        started = time.perf_counter()
        call()
        if gpu:
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return sorted(taken[1:])[rounds // 2], torch.cuda.max_memory_allocated(device) if gpu else None


def measure(
    sizes: dict, device: torch.device, dtype: torch.dtype, folder: Path, *,
    length: int, batch_size: int, batches: int, rounds: int = 3,
) -> list[Measured]:  # fmt: skip
    """Importance, then the sweep (the base and two regions), over ``batches`` batches of full sequences."""
    model, shape = build(sizes, device, dtype, length), shape_of(sizes, dtype)
    precision = devices.resolve_precision("auto", device)
    at = machine.peaks(device, torch.bfloat16 if precision == "bfloat16" else dtype)
    text = random_text(sizes["vocab_size"], batches * batch_size, length)
    settings, found = {"batch_size": batch_size, "precision": precision}, []
    # name: passes through the model's matrices for a token, times that the text is read, what is run, bytes planned
    parts = {
        "importance": (3, 1, importance_of, memory.gradients(shape, "importance", batch_size * length, precision)),
        "removal sweep": (1, 3, sweep_of, memory.sweep(shape, RATIO, batch_size * length, precision)),
    }
    for name, (passes, times, prepare, planned) in parts.items():
        seconds, peak = timed(prepare(model, text, folder, settings), device, rounds)
        tokens = times * len(text) * (length - 1)
        flop = machine.llama_flop(model.config, tokens, length, passes)
        found.append(Measured(name, tokens / seconds, flop / at.flops / seconds, peak, planned))
    return found


def importance_of(model: torch.nn.Module, text: list[np.ndarray], folder: Path, settings: dict) -> Callable:
    """A turn of importance over this text; the sums are made here and go with the function."""
    sums = GradientSum(model)

    def turn() -> None:
        with sums:
            accumulate(model, text, sums, Progress(), reduction="corrected", **settings)

    return turn


def sweep_of(model: torch.nn.Module, text: list[np.ndarray], folder: Path, settings: dict, count: int = 2) -> Callable:
    """A turn of the sweep: the base, and so many regions removed and put back."""
    regions = [random_region(model, folder / f"region-{number}.safetensors") for number in range(count)]
    interventions, observe = removals(regions), reading(model, text, folder, settings)
    return lambda: sweep(model, interventions, observe)


def removals(regions: list[Region]) -> dict[str, Removal]:
    """The removal of each region, by an id."""
    made = [Removal(columns_of(region), region.path, region.metadata["model_hash"]) for region in regions]
    return {f"removal-{number:04d}": removal for number, removal in enumerate(made, 1)}


def reading(model: torch.nn.Module, text: list[np.ndarray], folder: Path, settings: dict) -> Observe:
    """Perplexity of this text, prepared as a job prepares it."""
    vocabulary = model.config.vocab_size
    shard = write_shard(folder / "text.arrow", text, vocabulary_size=str(vocabulary))
    manifest = SimpleNamespace(vocabulary_size=vocabulary)
    return perplexity.prepare(model, Job(manifest, "ru", {"shard": shard}, {}, **settings))


def parameters_of(sizes: dict) -> int:
    return shape_of(sizes, torch.float32).parameters
