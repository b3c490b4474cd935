"""What the project must reach beside a bare loop or the published way, on the same data. Run with ``make bench``."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.intervene.removal import open_regions
from langatlas.locate.activations import activations_of
from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.locate.regions import select
from langatlas.measure.perplexity import sweep
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.models.nll import batches, token_nll
from langatlas.tensorfile import TensorFile, TensorWriter
from langatlas.tokens import TokenShard, write_shards

ROOT = Path(__file__).parents[2]
BATCH = 8
METADATA = {"format": "langatlas.importance/1", "model": "m", "model_hash": "h", "language": "ru", "samples": "1"}


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    """The shape of the default's mini model, not trained."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=6144, hidden_size=160, intermediate_size=432, num_hidden_layers=7,
            num_attention_heads=5, num_key_value_heads=5, max_position_embeddings=128,
        )
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def text() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 6144, generator.integers(60, 129)).astype(np.uint32) for _ in range(64)]


def test_importance_beside_bare_forward_and_backward(model, text, faster):
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

    assert faster(ours, bare, at_least=0.95) >= 0.95


def test_counting_activations_beside_bare_forward(model, text, faster):
    """Counting runs no output layer; beside a loop without one (the second row) it must not fall far behind either."""
    prepared = list(batches(text, 4, by_length=True))

    def ours():
        activations_of(model, text, reading="gate", keep_means=64, batch_size=4, precision="float32")

    def bare(network):
        with torch.inference_mode():
            for batch in prepared:
                network(input_ids=batch.input_ids_BT, use_cache=False)

    assert faster(ours, lambda: bare(model), at_least=0.9) >= 0.9
    assert faster(ours, lambda: bare(model.base_model), at_least=0.7) >= 0.7


def test_memory_of_importance(record):
    """Beyond weights and sums (4 bytes a parameter each): the largest gradient and the activations of one short text."""
    code = """
import resource, sys, torch
from transformers import LlamaConfig, LlamaForCausalLM
import numpy as np
from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.models import devices
torch.manual_seed(0)
torch.set_num_threads(1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=8192, hidden_size=1024, intermediate_size=2816, num_hidden_layers=12,
                                     num_attention_heads=8, num_key_value_heads=8))
text = [np.arange(16, dtype=np.uint32)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
parameters = sum(p.numel() for p in model.parameters())
with torch.inference_mode(): model(torch.zeros(1, 16, dtype=torch.long))
before = peak()
with GradientSum(model) as sums:
    accumulate(model, text * 3, sums, Progress(), batch_size=1, reduction="corrected", precision="float32")
print(peak() - before, 4 * parameters, 4 * sum(p.numel() for p in model.model.layers[0].parameters()),
      4 * model.lm_head.weight.numel())
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    grown, sums, block, head = map(
        int, subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).split()
    )
    allowed = sums + 2 * block + 2 * head
    record(grown / 2**20, allowed / 2**20, ">= 1 (MiB)")
    assert grown <= allowed


def write_importances(folder: Path, layers: int, hidden: int, feedforward: int) -> list[str]:
    """Three languages' importances of the block matrices of a Llama."""
    generator = np.random.default_rng(0)
    shapes = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, hidden), "self_attn.v_proj": (hidden, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (feedforward, hidden), "mlp.up_proj": (feedforward, hidden),
        "mlp.down_proj": (hidden, feedforward),
    }  # fmt: skip
    layout = {
        f"model.layers.{i}.{name}.weight": ("F32", shape) for i in range(layers) for name, shape in shapes.items()
    }
    paths = [str(folder / f"{language}.safetensors") for language in ("ar", "ru", "zh")]
    for path in paths:
        with TensorWriter(path, layout, METADATA | {"language": Path(path).stem}) as writer:
            for name, (_, shape) in layout.items():
                writer.write(name, generator.standard_normal(shape, np.float32))
    return paths


def test_selection_beside_the_published_way(tmp_path, faster):
    """Published: every matrix is summed, abs taken, and cut by topk anew for each ratio and side; random.sample draws."""
    importances = write_importances(tmp_path, layers=1, hidden=1024, feedforward=2816)
    ratios, sides = ("0.01", "0.02", "0.03", "0.04", "0.05"), ("top", "bottom", "random-1")
    plan = {(side, ratio): str(tmp_path / f"{side}-{ratio}.safetensors") for side in sides for ratio in ratios}

    def ours():
        select(importances, plan, model_type="llama", scope="matrix", region="core", metadata={"model_type": "llama"})

    def published():
        for ratio in ratios:
            for side in sides:
                for name in (files := [TensorFile(path, METADATA["format"]) for path in importances])[0].names:
                    score = torch.stack([torch.from_numpy(np.array(file[name])).abs() for file in files]).sum(0)
                    n, mask = int(float(ratio) * score.numel()), torch.zeros(score.numel(), dtype=torch.bool)
                    if side == "random-1":
                        mask[random.sample(range(score.numel()), n)] = True
                    else:
                        mask[score.flatten().topk(n, largest=side == "top").indices] = True
                    torch.save(mask.view(score.shape), tmp_path / f"{side}-{ratio}-{name}.pt")

    assert faster(ours, published, at_least=10, rounds=3) >= 10


def test_regions_take_one_bit_a_parameter(tmp_path, record):
    importances = write_importances(tmp_path, layers=1, hidden=512, feedforward=1408)
    path = tmp_path / "region.safetensors"
    select(
        importances, {("top", "0.03"): str(path)}, model_type="llama", scope="matrix", region="core",
        metadata={"model_type": "llama"},
    )  # fmt: skip
    parameters = sum(
        int(np.prod(TensorFile(importances[0], METADATA["format"]).shape(name)))
        for name in TensorFile(importances[0], METADATA["format"]).names
    )
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    bits = 8 * (path.stat().st_size - header) / parameters
    record(bits, 1.0, ">= 1 (bits)")
    assert bits <= 1


def test_removal_sweep_beside_bare_forward(model, text, tmp_path, faster):
    layout = {n: ("F32", tuple(p.shape)) for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n}
    importance = tmp_path / "importance.safetensors"
    with TensorWriter(str(importance), layout, METADATA) as writer:
        for name, parameter in model.named_parameters():
            if name in layout:
                writer.write(name, parameter.detach().numpy())
    ratios = ("0.01", "0.03", "0.05")
    plan = {
        (side, ratio): str(tmp_path / f"{side}-{ratio}.safetensors") for side in ("top", "bottom") for ratio in ratios
    }
    select([str(importance)], plan, model_type="llama", scope="matrix", region="core", metadata={"model_type": "llama"})
    regions = open_regions(list(plan.values()), model, METADATA["model_hash"])
    sizes = [len(ids) for ids in text]
    shard = TokenShard("memory", text, np.array(sizes), np.array(sizes), {})
    prepared = list(batches(text, BATCH, by_length=True))

    def ours():
        sweep(model, shard, regions, batch_size=BATCH, precision="float32")

    def bare():
        with torch.inference_mode():
            for _ in range(len(regions) + 1):
                for batch in prepared:
                    token_nll(model, batch)

    assert faster(ours, bare, at_least=0.9) >= 0.9


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """About two megabytes of text in four scripts, all of it different."""
    words = "река gránica 图书馆 capital страна marché 도서관 język сонце وطن river library".split()
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(words, 40)) + f" {number}" for number in range(6000)]


def test_tokenization_beside_encode_batch(sentences, tmp_path, faster):
    """Ours also cuts, counts bytes and characters, and writes the shard."""
    pq.write_table(pa.table({"text": sentences}), tmp_path / "text.parquet")
    tokenizer = train_tokenizer([str(tmp_path / "text.parquet")], 600)
    save_tokenizer(tokenizer, str(tmp_path / "tokenizer.json"), str(tmp_path / "tokenizer_config.json"), 512)
    settings = {"language": "xx", "split": "locate", "sequence_length": 512, "max_sequences": None, "code": "c"}
    shard = str(tmp_path / "0.arrow")

    def write(policy):
        write_shards(
            tmp_path / "text.parquet", tmp_path, [shard], tmp_path / "stats.json", policy=policy, **settings
        )  # fmt: skip

    def bare():
        for start in range(0, len(sentences), 1000):
            tokenizer.encode_batch(sentences[start : start + 1000], add_special_tokens=False)

    assert faster(lambda: write("truncate"), bare, at_least=0.8) >= 0.8
    assert faster(lambda: write("pack"), bare, at_least=0.8) >= 0.8


def test_dry_run_of_thirty_languages_and_three_models(tmp_path, record):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    lines = (ROOT / "resources" / "languages.csv").read_text(encoding="utf-8").splitlines()[1:]
    every = [*config["languages"], *(line.split(",")[0] for line in lines)]
    text = [{"source": "jsonl", "files": str(tmp_path / "{language}.jsonl"), "text": "text", "splits": {"test": 1.0}}]
    overlay = {
        "corpora": {"world": {"parts": text}},
        "results": str(tmp_path / "results"),
        "languages": list(dict.fromkeys(every))[:30],
        "models": ["mini", "second", "third"],
        "checkpoints": dict.fromkeys(("second", "third"), config["checkpoints"]["mini"]),
    }
    for language in overlay["languages"]:
        (tmp_path / f"{language}.jsonl").touch()
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    command = [
        Path(sys.executable).with_name("snakemake"),
        "-n",
        "--quiet",
        "all",
        "--configfile",
        tmp_path / "wide.yaml",
    ]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    record(seconds, 15, ">= 1 (s)")
    assert seconds <= 15
