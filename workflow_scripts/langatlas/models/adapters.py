"""What the parameters of a model family are called, and which logical matrices each stored tensor holds.

One adapter per family. A new family is one entry in ``ADAPTERS``: its ``model_type``, the prefix of its decoder blocks,
and the name of each matrix or vector within a block beside its short name. Where q, k and v (or gate and up) share one
tensor, the entry is ``Fused``; where weights are stored (in, out), the adapter is ``transposed``.

Files keep the stored tensors under their Hugging Face names. ``parts_of`` says which logical matrices (attn.q, mlp.up, ...)
are in one, and where: a plain matrix is the one part of its tensor. No torch: tables and figures use it too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

# What the two dimensions of each matrix are, read as (out, in). head: features of all heads, one after the other (with
# grouped-query attention fewer for k and v); residual: features of the residual stream; ffn: neurons.
AXES = {
    "attn.q": ("head", "residual"),
    "attn.k": ("head", "residual"),
    "attn.v": ("head", "residual"),
    "attn.o": ("residual", "head"),
    "mlp.gate": ("ffn", "residual"),
    "mlp.up": ("ffn", "residual"),
    "mlp.down": ("residual", "ffn"),
}
MODULE_ORDER = ["attn.q", "attn.k", "attn.v", "attn.o", "mlp.gate", "mlp.up", "mlp.down"]
ALL_MODULES = "mlp"  # of the feed-forward layer: gate, up and down together
FAMILY = ("model_type", "heads", "key_value_heads")  # what a region's metadata says of its model, to find parts


@dataclass(frozen=True)
class Fused:
    """Several modules in one tensor along its out dimension: one after the other, or (``by_head``) head by head.

    ``by_head``: the heads of keys and values follow each other, each with its queries, its key and its value, as in BLOOM.
    """

    modules: tuple[str, ...]
    by_head: bool = False

    def ranges(self, name: str, size: int, heads: int, key_value_heads: int) -> list[tuple[tuple[int, int], ...]]:
        """For each module its [start, stop) places along the out dimension of ``size`` lines, in the module's order."""
        shares = {"attn.q": heads, "attn.k": key_value_heads, "attn.v": key_value_heads}
        groups = key_value_heads if self.by_head else 1
        parts = [shares.get(module, 1) // groups for module in self.modules]
        feature, rest = divmod(size, groups * sum(parts))
        if rest:
            raise ValueError(
                f"{name}: {size} lines do not divide among {heads} heads, {key_value_heads} of keys and values"
            )
        stops = [feature * stop for stop in accumulate(parts)]
        starts = [0, *stops[:-1]]
        steps = range(0, size, stops[-1])
        return [tuple((s + start, s + stop) for s in steps) for start, stop in zip(starts, stops, strict=True)]


@dataclass(frozen=True)
class Adapter:
    """Names of one family: ``blocks`` is the prefix of the decoder blocks, ``modules`` maps names within a block.

    ``transposed``: matrices of the blocks are stored (in, out). ``activation``: within a block, the module whose output is
    the activated gate of the feed-forward layer; None where the layer has no gate.
    """

    blocks: str
    modules: Mapping[str, str | Fused]
    transposed: bool = False
    activation: str | None = None

    def module_name(self, module: str) -> str:
        """The name within a block of the stored module that holds a short name such as ``mlp.down``."""
        for name, entry in self.modules.items():
            if entry == module or (isinstance(entry, Fused) and module in entry.modules):
                return name
        raise ValueError(f"blocks of {self.blocks} have no {module}")


QKV = ("attn.q", "attn.k", "attn.v")
NORMS = {"input_layernorm": "norm.input", "post_attention_layernorm": "norm.post_attention"}
PROJECTIONS = {f"self_attn.{letter}_proj": f"attn.{letter}" for letter in "qkv"}
LLAMA = {
    **PROJECTIONS,
    "self_attn.o_proj": "attn.o",
    "mlp.gate_proj": "mlp.gate",
    "mlp.up_proj": "mlp.up",
    "mlp.down_proj": "mlp.down",
    **NORMS,
}
QK_NORM = {"self_attn.q_norm": "norm.q", "self_attn.k_norm": "norm.k"}
FEEDFORWARD_NORM = {  # Gemma2 scales by 1 + weight: a norm entry that is removed (zero) scales by 1
    "pre_feedforward_layernorm": "norm.pre_feedforward",
    "post_feedforward_layernorm": "norm.post_feedforward",
}
FOUR_H = {"mlp.dense_h_to_4h": "mlp.up", "mlp.dense_4h_to_h": "mlp.down", **NORMS}
BLOOM = {
    "self_attention.query_key_value": Fused(QKV, by_head=True),
    "self_attention.dense": "attn.o",
    **FOUR_H,
}
GPT_NEOX = {
    "attention.query_key_value": Fused(QKV, by_head=True),
    "attention.dense": "attn.o",
    **FOUR_H,
}
GPT2 = {
    "attn.c_attn": Fused(QKV),
    "attn.c_proj": "attn.o",
    "mlp.c_fc": "mlp.up",
    "mlp.c_proj": "mlp.down",
    "ln_1": "norm.input",
    "ln_2": "norm.post_attention",
}
OPT = {
    **PROJECTIONS,
    "self_attn.out_proj": "attn.o",
    "fc1": "mlp.up",
    "fc2": "mlp.down",
    "self_attn_layer_norm": "norm.input",
    "final_layer_norm": "norm.post_attention",  # of the block, before its feed-forward layer
}
PHI = {
    **PROJECTIONS,
    "self_attn.dense": "attn.o",
    "self_attn.q_layernorm": "norm.q",
    "self_attn.k_layernorm": "norm.k",
    "mlp.fc1": "mlp.up",
    "mlp.fc2": "mlp.down",
    "input_layernorm": "norm.input",  # one for attention and feed-forward, which stand side by side
}
PHI3 = {
    "self_attn.qkv_proj": Fused(QKV),
    "self_attn.o_proj": "attn.o",
    "mlp.gate_up_proj": Fused(("mlp.gate", "mlp.up")),
    "mlp.down_proj": "mlp.down",
    **NORMS,
}
ADAPTERS = {
    "llama": Adapter("model.layers", LLAMA, activation="mlp.act_fn"),
    "mistral": Adapter("model.layers", LLAMA, activation="mlp.act_fn"),
    "qwen2": Adapter("model.layers", LLAMA, activation="mlp.act_fn"),
    "qwen3": Adapter("model.layers", LLAMA | QK_NORM, activation="mlp.act_fn"),
    "gemma2": Adapter("model.layers", LLAMA | FEEDFORWARD_NORM, activation="mlp.act_fn"),
    "bloom": Adapter("transformer.h", BLOOM),
    "opt": Adapter("model.decoder.layers", OPT),
    "gpt2": Adapter("transformer.h", GPT2, transposed=True),
    "gpt_neox": Adapter("gpt_neox.layers", GPT_NEOX),
    "phi": Adapter("model.layers", PHI),
    "phi3": Adapter("model.layers", PHI3, activation="mlp.activation_fn"),
}


def dimension_of(module: str, axis: str) -> int:
    """Which dimension of a module's weight, read as (out, in), an axis is. Raises ValueError where the module has none."""
    if module not in AXES or axis not in AXES[module]:
        has = " and ".join(AXES.get(module, ["none"]))
        raise ValueError(f"{module} has no axis {axis!r}; it has {has}")
    return AXES[module].index(axis)


@dataclass(frozen=True)
class Parameter:
    """Place of one stored tensor. ``modules``: short names such as ``attn.q``, several where fused; ``kind``: weight or bias."""

    name: str
    layer: int
    modules: tuple[str, ...]
    kind: str

    @property
    def is_norm(self) -> bool:
        return self.modules[0].startswith("norm.")


@dataclass(frozen=True)
class Part:
    """One logical matrix or vector, and where it is in its stored tensor.

    ``stored``: that tensor's shape; ``out``: its dimension along which the module's outputs lie; ``ranges``: where along it,
    as [start, stop), in the module's own order (of q, k, v: head by head).
    """

    name: str
    layer: int
    module: str
    kind: str
    stored: tuple[int, ...]
    out: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def is_norm(self) -> bool:
        return self.module.startswith("norm.")

    @property
    def whole(self) -> bool:
        """Whether it is all of the stored tensor."""
        return self.ranges == ((0, self.stored[self.out]),)

    @property
    def outputs(self) -> np.ndarray:
        """Place of each output along ``out``."""
        return np.concatenate([np.arange(*pair) for pair in self.ranges])

    @property
    def shape(self) -> tuple[int, ...]:
        """(out, in), or (out,) of a vector, whatever the storage."""
        outputs = sum(stop - start for start, stop in self.ranges)
        return (outputs, *(size for dimension, size in enumerate(self.stored) if dimension != self.out))

    @property
    def label(self) -> str:
        """A name of its own: that of the stored tensor, and in a fused one also the module's."""
        return self.name if self.whole else f"{self.name} {self.module}"

    @property
    def size(self) -> int:
        """Number of its parameters."""
        return math.prod(self.shape)

    def take(self, tensor: np.ndarray) -> np.ndarray:
        """This part of an array of the stored tensor's shape (a mask, an importance), as it is stored."""
        return tensor if self.whole else tensor.take(self.outputs, axis=self.out)

    def put(self, tensor: np.ndarray, values: np.ndarray) -> None:
        """Inverse of ``take``: write the part's values into an array of the stored tensor's shape."""
        tensor[(slice(None),) * self.out + (self.outputs,)] = values.reshape(self.take(tensor).shape)

    def of(self, tensor: np.ndarray) -> np.ndarray:
        """``take``, turned to (out, in); a vector as it is."""
        return self.take(tensor).T if self.out == 1 else self.take(tensor)

    def stored_lines(self, dimension: int, lines: Sequence[int]) -> tuple[int, list[int], list[list[int]] | None]:
        """Lines along ``dimension`` (0: out, 1: in) of the part -> where they are stored: dimension, indices along it, and
        the ranges of the other dimension that belong to the part (None: all of it).
        """
        if dimension == 0:
            return self.out, self.outputs[list(lines)].tolist(), None
        return 1 - self.out, list(lines), None if self.whole else [list(pair) for pair in self.ranges]


def adapter_for(model_type: str) -> Adapter:
    """The adapter of a family. Raises ValueError for an architecture that has none, saying how to add one."""
    try:
        return ADAPTERS[model_type]
    except KeyError:
        raise ValueError(
            f"model type {model_type!r} has no adapter; there are {', '.join(sorted(ADAPTERS))}. "
            "Add an entry to ADAPTERS in langatlas/models/adapters.py: the prefix of its decoder blocks and the names of "
            "its matrices within a block"
        ) from None


def _locate(name: str, adapter: Adapter) -> tuple[int, str | Fused, str] | None:
    """Layer, entry of the adapter and kind of a parameter; None where it is in no decoder block."""
    prefix = adapter.blocks + "."
    if not name.startswith(prefix):
        return None
    layer, _, rest = name[len(prefix) :].partition(".")
    module, _, kind = rest.rpartition(".")
    if module not in adapter.modules:
        raise ValueError(f"parameter {name!r} is in a decoder block, but the adapter knows no {module!r}")
    return int(layer), adapter.modules[module], kind


def locate_parameter(name: str, adapter: Adapter) -> Parameter | None:
    """Place of a parameter by its Hugging Face name; None where it is in no decoder block (embeddings, final norm, head).

    Raises ValueError for a block parameter that the adapter does not know: to guess would put it into a wrong row.
    """
    if (found := _locate(name, adapter)) is None:
        return None
    layer, entry, kind = found
    return Parameter(name, layer, entry.modules if isinstance(entry, Fused) else (entry,), kind)


def parts_of(name: str, shape: tuple[int, ...], family: Mapping[str, str]) -> list[Part]:
    """Logical matrices or vectors that a stored tensor holds: one, or several where fused; none outside decoder blocks.

    ``family``: model_type, heads and key_value_heads, as the metadata of a region has them. Raises ValueError where the
    tensor is fused and the heads are not known, or do not fit its shape.
    """
    adapter = adapter_for(family["model_type"])
    if (found := _locate(name, adapter)) is None:
        return []
    layer, entry, kind = found
    out = 1 if adapter.transposed and len(shape) == 2 else 0
    if not isinstance(entry, Fused):
        return [Part(name, layer, entry, kind, shape, out, ((0, shape[out]),))]
    heads, key_value_heads = (family.get(key) for key in FAMILY[1:])
    if not heads or not key_value_heads:
        raise ValueError(
            f"{name} holds {', '.join(entry.modules)} in one tensor; to tell them apart the model's number of heads is needed, "
            "which this file does not say: delete it and the model's model.json, and run again"
        )
    places = entry.ranges(name, shape[out], int(heads), int(key_value_heads))
    return [Part(name, layer, m, kind, shape, out, ranges) for m, ranges in zip(entry.modules, places, strict=True)]
