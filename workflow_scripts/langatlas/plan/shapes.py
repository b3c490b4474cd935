"""The tensors of a model by name and shape, without loading it: from the config, a checkpoint's headers, or a small table."""

import csv
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from langatlas.files import checkpoint_source
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.models.checkpoint import Manifest
from langatlas.models.engine import largest_part

KNOWN = Path(__file__).parents[3] / "resources" / "architectures.csv"
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# What a config.json of another family calls the same sizes.
OTHER_NAMES = {
    "hidden_size": ("n_embd", "d_model"),
    "intermediate_size": ("ffn_dim", "n_inner"),
    "num_hidden_layers": ("n_layer",),
    "num_attention_heads": ("n_head",),
    "num_key_value_heads": (),
}
# Tensors of old checkpoints that are computed, not learnt.
BUFFERS = ("rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias")


@dataclass(frozen=True)
class Shape:
    """A model's sizes. ``tensors``: name -> shape of every parameter, in order; ``source``: where they were read."""

    model_type: str
    hidden: int
    feedforward: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    dtype: str
    tensors: Mapping[str, tuple[int, ...]]
    source: str

    @property
    def element(self) -> int:
        """Bytes of one weight."""
        return BYTES[self.dtype]

    @cached_property
    def parameters(self) -> int:
        return sum(map(math.prod, self.tensors.values()))

    @cached_property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """Tensors of decoder blocks, from which regions are chosen."""
        adapter = adapter_for(self.model_type)
        return {name: shape for name, shape in self.tensors.items() if locate_parameter(name, adapter)}

    @cached_property
    def block_parameters(self) -> int:
        return sum(map(math.prod, self.blocks.values()))

    @cached_property
    def largest_part(self) -> int:
        """Parameters of the largest block, embedding or head."""
        return largest_part((name, math.prod(shape)) for name, shape in self.tensors.items())

    @cached_property
    def largest(self) -> int:
        """Parameters of the largest tensor; ``largest_in_blocks``: of a decoder block."""
        return max(map(math.prod, self.tensors.values()))

    @cached_property
    def largest_in_blocks(self) -> int:
        return max(map(math.prod, self.blocks.values()))


def shape_of(checkpoint: Mapping, results: str, name: str) -> Shape:
    """Sizes of an entry of ``checkpoints``: from its ``architecture``, from files that are here, or from the table.

    Raises ValueError for a Hub id that is neither here nor in the table, saying what to do.
    """
    dtype = checkpoint["dtype"]
    if checkpoint["source"] == "mini":
        config = {"model_type": "llama", "vocab_size": checkpoint["vocabulary_size"], **checkpoint["architecture"]}
        return _from_config(config, llama_tensors(config), dtype, f"checkpoints.{name}.architecture")
    manifest = Path(results) / "models" / name / "model.json"
    folders = [Path(checkpoint_source(checkpoint["path"], name))]
    if manifest.is_file():
        folders.append(Path(Manifest.read(manifest).path))
    for folder in folders:
        if (folder / "config.json").is_file() and (headers := sorted(folder.glob("*.safetensors"))):
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            return _from_config(config, stored_tensors(headers), dtype, f"headers of {folder}")
    known = known_architectures()
    if checkpoint["path"] in known:
        config = known[checkpoint["path"]]
        return _from_config(config, llama_tensors(config), dtype, f"{KNOWN.parent.name}/{KNOWN.name}")
    raise ValueError(
        f"the sizes of {checkpoint['path']!r} are not known here; {KNOWN.name} holds {', '.join(known)}. Add a line to it (the "
        "numbers stand in the model's config.json), or give a folder with the checkpoint as `path`"
    )


def known_architectures() -> dict[str, dict]:
    """Rows of the table of known checkpoints, by Hub id; numbers as int."""
    with KNOWN.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    words = ("checkpoint", "model_type")
    return {row["checkpoint"]: {k: v if k in words else int(v) for k, v in row.items()} for row in rows}


def _from_config(config: Mapping, tensors: Mapping[str, tuple[int, ...]], dtype: str, source: str) -> Shape:
    found = {}
    for key, others in OTHER_NAMES.items():
        found[key] = next((config[name] for name in (key, *others) if config.get(name) is not None), None)
    hidden, heads = found["hidden_size"], found["num_attention_heads"]
    return Shape(
        model_type=config["model_type"],
        hidden=hidden,
        feedforward=found["intermediate_size"] or 4 * hidden,
        layers=found["num_hidden_layers"],
        heads=heads,
        key_value_heads=found["num_key_value_heads"] or heads,
        vocabulary=config["vocab_size"],
        dtype=dtype,
        tensors=dict(tensors),
        source=source,
    )


def llama_tensors(config: Mapping) -> dict[str, tuple[int, ...]]:
    """Parameters of a Llama, Mistral, Qwen2, Qwen3 or Gemma2 with these sizes, by their Hugging Face names."""
    kind, hidden, heads = config["model_type"], config["hidden_size"], config["num_attention_heads"]
    width = config.get("head_dim") or hidden // heads
    queries, keys, ffn = heads * width, config["num_key_value_heads"] * width, config["intermediate_size"]
    block = {"self_attn.q_proj": (queries, hidden), "self_attn.k_proj": (keys, hidden)}
    block |= {"self_attn.v_proj": (keys, hidden), "self_attn.o_proj": (hidden, queries)}
    block |= {"mlp.gate_proj": (ffn, hidden), "mlp.up_proj": (ffn, hidden), "mlp.down_proj": (hidden, ffn)}
    norms = ["input_layernorm", "post_attention_layernorm"]
    if kind == "gemma2":
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    block |= dict.fromkeys(norms, (hidden,))
    if kind == "qwen3":
        block |= dict.fromkeys(("self_attn.q_norm", "self_attn.k_norm"), (width,))
    tensors = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for layer in range(config["num_hidden_layers"]):
        tensors |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in block.items()}
        if kind == "qwen2":
            biases = {name: block[name][:1] for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")}
            tensors |= {f"model.layers.{layer}.{name}.bias": shape for name, shape in biases.items()}
    tensors["model.norm.weight"] = (hidden,)
    if not config.get("tie_word_embeddings"):
        tensors["lm_head.weight"] = (config["vocab_size"], hidden)
    return tensors


def stored_tensors(paths: list[Path]) -> dict[str, tuple[int, ...]]:
    """Names and shapes that the headers of safetensors files hold."""
    tensors = {}
    for path in paths:
        with open(path, "rb") as handle:
            header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
        tensors |= {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    return {name: shape for name, shape in tensors.items() if not os.fspath(name).endswith(BUFFERS)}
