"""A tiny random model of every family, and where its logical matrices are stored, written down by hand."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from langatlas.intervene.edits import Edit
from langatlas.intervene.lines import biases, cut
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import select
from langatlas.models import checkpoint
from langatlas.models.adapters import Part
from langatlas.region import Region
from langatlas.tensorfile import TensorFile
from tiny import VOCABULARY, importance_metadata, random_sequences

HIDDEN, HEADS, FFN = 16, 4, 10
SETTINGS = {"batch_size": 3, "reduction": "corrected", "precision": "float32"}
RATIO = 0.2
HEAD = 2  # the head that is removed
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": HEADS,
    "max_position_embeddings": 32, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
LLAMA = {"intermediate_size": FFN, "num_key_value_heads": 2}  # grouped-query attention
PARTIAL = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}
CONFIGS = {
    "llama": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA | {"head_dim": 6},
    "gemma2": LLAMA | {"head_dim": 6, "query_pre_attn_scalar": 6},
    "bloom": {},
    "opt": {"ffn_dim": FFN},
    "gpt2": {"n_inner": FFN},
    "gpt_neox": {"intermediate_size": FFN, **PARTIAL},
    "phi": LLAMA | PARTIAL | {"qk_layernorm": True},
    "phi3": LLAMA,
}
FUSED = ["bloom", "gpt2", "gpt_neox", "phi3"]
TIED = ["gemma2", "bloom", "opt", "gpt2"]
GATED = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3"]
# Names within a block: q, k, v (one name where fused), o, gate (or none), up, down.
Q_K_V = [f"self_attn.{letter}_proj" for letter in "qkv"]
MLP = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
BIG_NEOX = [None, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"]
NAMES = {
    **dict.fromkeys(GATED[:5], ("model.layers", Q_K_V, "self_attn.o_proj", *MLP)),
    "bloom": ("transformer.h", ["self_attention.query_key_value"], "self_attention.dense", *BIG_NEOX),
    "opt": ("model.decoder.layers", Q_K_V, "self_attn.out_proj", None, "fc1", "fc2"),
    "gpt2": ("transformer.h", ["attn.c_attn"], "attn.c_proj", None, "mlp.c_fc", "mlp.c_proj"),
    "gpt_neox": ("gpt_neox.layers", ["attention.query_key_value"], "attention.dense", *BIG_NEOX),
    "phi": ("model.layers", Q_K_V, "self_attn.dense", None, "mlp.fc1", "mlp.fc2"),
    "phi3": ("model.layers", ["self_attn.qkv_proj"], "self_attn.o_proj", "mlp.gate_up_proj", "", "mlp.down_proj"),
}


def tiny_family(model_type: str, seed: int = 0, **changed) -> PreTrainedModel:
    """Random weights, biases and norms; no number is 0 or 1 by initialisation."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **COMMON | CONFIGS[model_type] | changed))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return model.eval()


def layout(model: PreTrainedModel) -> dict[tuple[int, str, str], tuple[str, torch.Tensor]]:
    """(layer, module, kind) -> name of the stored tensor and flat places in it, as (out, in) or (out,); no norms."""
    family = model.config.model_type
    blocks, qkv, o, gate, up, down = NAMES[family]
    stored = {name: torch.arange(p.numel()).view(p.shape) for name, p in model.named_parameters()}
    found = {}
    for layer in range(model.config.num_hidden_layers):
        for kind in ("weight", "bias"):

            def of(name, layer=layer, kind=kind):
                name = f"{blocks}.{layer}.{name}.{kind}"
                if name not in stored:
                    return name, None
                return name, stored[name].T if family == "gpt2" and kind == "weight" else stored[name]

            places = {"attn.o": of(o), "mlp.down": of(down)}
            if len(qkv) == 3:
                places |= {f"attn.{letter}": of(name) for letter, name in zip("qkv", qkv, strict=True)}
            else:
                name, fused = of(qkv[0])
                places |= {
                    f"attn.{letter}": (name, part) for letter, part in zip("qkv", split(family, fused), strict=True)
                }
            if family == "phi3":
                name, fused = of(gate)
                parts = (None, None) if fused is None else (fused[:FFN], fused[FFN:])
                places |= {"mlp.gate": (name, parts[0]), "mlp.up": (name, parts[1])}
            else:
                places |= {"mlp.up": of(up)} | ({"mlp.gate": of(gate)} if gate else {})
            found |= {(layer, m, kind): (name, where) for m, (name, where) in places.items() if where is not None}
    return found


def split(family: str, fused: torch.Tensor | None):
    """q, k and v out of a fused tensor (out, ...), as each family's modelling code splits its outputs."""
    if fused is None:
        return None, None, None
    if family == "gpt2":
        return fused.chunk(3)
    if family == "phi3":  # 4 heads of queries, 2 of keys, 2 of values
        return fused[:16], fused[16:24], fused[24:]
    by_head = fused.view(HEADS, 3, HIDDEN // HEADS, *fused.shape[1:])  # bloom, gpt_neox
    return tuple(by_head[:, i].flatten(0, 1) for i in range(3))


def located(model, folder: Path) -> tuple[TensorFile, checkpoint.Manifest, Region]:
    """Importance file, manifest and core region of a model, made as the workflow makes them."""
    model.save_pretrained(folder)
    manifest = checkpoint.describe(folder, "tiny", revision="1", dtype="float32")
    importance, core = str(folder / "importance"), str(folder / "core")
    importance_of_shard(model, random_sequences(5), [5], [importance], importance_metadata(), **SETTINGS)
    described = {**manifest.family, "region_language": ""}
    plan = {("top", str(RATIO)): core}
    select([importance], plan, model_type=manifest.model_type, scope="matrix", region="core", metadata=described)
    return TensorFile(importance, FORMAT), manifest, Region.open(core)


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0] for ids in random_sequences(4)])


def part(region: Region, layer: int, module: str) -> Part:
    (found,) = [p for p in region.matrices() if (p.layer, p.module) == (layer, module)]
    return found


def removal(region: Region, layer: int, axes: dict[str, str], chosen: list[int]) -> Edit:
    """An edit that cuts lines ``chosen`` of each module of ``axes`` (module -> axis) in one layer."""
    bias_of = biases(region)
    return Edit({}, [c for m, axis in axes.items() for c in cut(part(region, layer, m), axis, chosen, bias_of)])


def head_lines(model, module: str = "attn.q", head: int = HEAD) -> list[int]:
    """Lines of a head of queries in a module; of keys and values those that it reads."""
    size = getattr(model.config, "head_dim", None) or HIDDEN // HEADS
    if module in ("attn.k", "attn.v") and getattr(model.config, "num_key_value_heads", None) == 2:
        head //= 2  # the head of keys and values that queries of this head and of its neighbour share
    return list(range(head * size, (head + 1) * size))
