"""Parts that run a model, beside bare loops over the same batches. One thread, the shape of the default's mini model."""

import os
import runpy
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

import machine
from langatlas import runlog
from langatlas.intervene import index
from langatlas.intervene.removal import zeroed
from langatlas.intervene.sweep import sweep
from langatlas.locate.activations import activations_of
from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.models import checkpoint, devices
from langatlas.models.engine import Size, activation_bytes, device_bytes
from langatlas.models.nll import batches, token_nll
from large_model import MINI, RATIO, build, random_region, random_text, reading, removals
from tiny import write_shard

ROOT = Path(__file__).parents[2]
BATCH = 8


@pytest.fixture(scope="module")
def model():
    return build(MINI, machine.CPU, torch.float32, 128)


@pytest.fixture(scope="module")
def text() -> list[np.ndarray]:
    """64 texts of 60 to 128 tokens."""
    lengths = np.random.default_rng(0).integers(60, 129, 64)
    return [ids[:length] for ids, length in zip(random_text(6144, 64, 128), lengths, strict=True)]


def tokens_of(text) -> int:
    return sum(map(len, text))


def test_importance_beside_bare_forward_and_backward(model, text, compare):
    sums = GradientSum(model)

    def ours():
        with sums:
            accumulate(
                model, text, sums, Progress(), batch_size=BATCH, reduction="corrected", precision="float32"
            )  # fmt: skip

    def bare():
        for batch in batches(text, BATCH):
            logits = model(input_ids=batch.input_ids_BT, use_cache=False).logits[:, :-1]
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.input_ids_BT[:, 1:].flatten()).backward()
        model.zero_grad(set_to_none=True)

    flop = machine.llama_flop(model.config, tokens_of(text), 95, passes=3)
    assert compare("importance | bare forward and backward", ours, bare, at_least=0.95, flop=flop) >= 0.95


def test_memory_of_importance(record):
    """What it takes beside the weights, against the formula of `make plan` and of the choice of an engine."""
    code = """
import resource, torch
from transformers import LlamaConfig, LlamaForCausalLM
import numpy as np
from langatlas.locate.importance import GradientSum, Progress, accumulate
torch.manual_seed(0)
torch.set_num_threads(1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=8192, hidden_size=1024, intermediate_size=2816, num_hidden_layers=12,
                                     num_attention_heads=8, num_key_value_heads=8))
text = [np.arange(16, dtype=np.uint32)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
with torch.inference_mode(): model(torch.zeros(1, 16, dtype=torch.long))
before = peak()
with GradientSum(model) as sums:
    accumulate(model, text * 3, sums, Progress(), batch_size=1, reduction="corrected", precision="float32")
print(peak() - before, sum(p.numel() for p in model.parameters()), sum(p.numel() for p in model.model.layers[0].parameters()))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    command = [sys.executable, "-c", code]
    grown, parameters, block = map(int, subprocess.check_output(command, text=True, env=environment).split())
    size = Size(parameters, block, 12, 1024, 2816, 8192, 4)
    planned = (
        device_bytes(size, "importance", "single", 1, False, activation_bytes(size, 16, "float32")) - 4 * parameters
    )
    part = "importance: memory beside the weights | the plan's formula"
    ratio = record(part, grown / 2**20, planned / 2**20, "MiB", ">= 0.95", "sums: 4 bytes a parameter")
    assert ratio >= 0.95


@pytest.mark.parametrize(("baseline", "must"), [("bare forward", 0.9), ("bare forward without output layer", 0.85)])
def test_counting_activations_beside_a_bare_forward_loop(model, text, compare, baseline, must):
    """Counting leaves the output layer out; so the second loop, which does what counting needs and no more, is our own bound."""
    run = model if baseline == "bare forward" else model.base_model

    def ours():
        activations_of(model, text, reading="gate", keep_means=64, batch_size=4, precision="float32")

    def bare():
        with torch.inference_mode():
            for batch in batches(text, 4, by_length=True):
                run(input_ids=batch.input_ids_BT, use_cache=False)

    flop = machine.llama_flop(model.config, tokens_of(text), 95, head=False)
    part = f"counting neurons | {baseline}"
    assert compare(part, ours, bare, at_least=must, rounds=15, flop=flop) >= must


@pytest.fixture(scope="module")
def regions(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    return [random_region(model, folder / f"{number}.safetensors") for number in range(3)]


def test_removal_sweep_beside_bare_forward(model, text, regions, tmp_path, compare):
    observe = reading(model, text, tmp_path, {"batch_size": BATCH, "precision": "float32"})
    interventions, prepared = removals(regions), list(batches(text, BATCH, by_length=True))

    def ours():
        sweep(model, interventions, observe)

    def bare():
        with torch.inference_mode():
            for _ in range(len(regions) + 1):
                for batch in prepared:
                    token_nll(model, batch)

    flop = (1 + len(regions)) * machine.llama_flop(model.config, tokens_of(text), 95)
    assert compare("removal sweep, 3 regions | bare forward", ours, bare, at_least=0.9, rounds=3, flop=flop) >= 0.9


def test_masks_are_put_in_place_and_taken_back(model, regions, tmp_path, compare, record):
    """Beside the other way to get back to the whole model: loading its weights again."""
    model.save_pretrained(tmp_path)

    def ours():
        with zeroed(model, regions[0]):
            pass

    def loading():
        AutoModelForCausalLM.from_pretrained(tmp_path)

    parameters = sum(p.numel() for p in model.parameters())
    # a bit each is read; removed values are read, overwritten and put back
    moved = parameters * (1 / 8 + 3 * 4 * RATIO)
    part = "a region put in place and back | weights loaded again"
    assert compare(part, ours, loading, at_least=1, moved=moved) >= 1
    with zeroed(model, regions[0]) as removed:
        kept = removed * (8 + 4)  # place and value
    part = "kept beside the weights meanwhile | a copy of them"
    assert record(part, kept / 2**20, 4 * parameters / 2**20, "MiB", ">= 1", "12 bytes a removed parameter") >= 1


class Named(dict):
    """Snakemake's files and parameters: keys that are attributes too."""

    __getattr__ = dict.__getitem__


def test_a_job_loads_the_model_once_for_all_its_regions(model, text, tmp_path, record, monkeypatch):
    """The entry script itself, with what Snakemake hands to it, and a count of how often weights are read."""
    model.save_pretrained(tmp_path / "m")
    manifest = checkpoint.describe(tmp_path / "m", "m", revision="1", dtype="float32")
    manifest.write(tmp_path / "model.json")
    regions = [random_region(model, tmp_path / f"{i}.safetensors", manifest.hash) for i in range(6)]
    listed = {"model": "m", "model_hash": manifest.hash, "metadata": {}}
    index.write(list(removals(regions).values()), tmp_path / "interventions.json", **listed)
    shard = write_shard(tmp_path / "0.arrow", text[:4], vocabulary_size="6144")
    job = SimpleNamespace(
        threads=1, wildcards=SimpleNamespace(experiment="e", language="ru"),
        input=Named(manifest=tmp_path / "model.json", shard=shard, interventions=tmp_path / "interventions.json"),
        output=Named(rows=tmp_path / "rows.parquet"),
        params=Named(measure="perplexity", settings={}, batch_size=4, precision="float32", code="c"),
    )  # fmt: skip
    loads, whole = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *a, **k: loads.append(a) or whole(*a, **k))
    monkeypatch.setattr(runlog, "job", lambda snakemake: nullcontext())
    monkeypatch.setattr(devices, "prepare", lambda threads: None)  # it would stay for the benchmarks that follow
    runpy.run_path(str(ROOT / "workflow_scripts" / "measure.py"), {"snakemake": job}, "__main__")
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 7 * 4
    part = "weights loaded for 6 regions | once for each intervention"
    assert record(part, len(loads), 7, "times", ">= 7", "the model is changed in place") >= 7
