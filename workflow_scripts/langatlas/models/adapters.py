"""What the parameters of a model family are called: which belong to a decoder block, to which layer and module.

One adapter per family. A new family is one entry in ``ADAPTERS``: its ``model_type``, the prefix of its decoder blocks,
and the name of each matrix or vector within a block beside its short name. No torch: tables and figures use it too.
"""

from dataclasses import dataclass

LLAMA_MODULES = {
    "self_attn.q_proj": "attn.q",
    "self_attn.k_proj": "attn.k",
    "self_attn.v_proj": "attn.v",
    "self_attn.o_proj": "attn.o",
    "mlp.gate_proj": "mlp.gate",
    "mlp.up_proj": "mlp.up",
    "mlp.down_proj": "mlp.down",
    "input_layernorm": "norm.input",
    "post_attention_layernorm": "norm.post_attention",
}
QK_NORM = {"self_attn.q_norm": "norm.q", "self_attn.k_norm": "norm.k"}
FEEDFORWARD_NORM = {
    "pre_feedforward_layernorm": "norm.pre_feedforward",
    "post_feedforward_layernorm": "norm.post_feedforward",
}
# What the two dimensions of each matrix are, for weights stored (out, in). head: features of all heads, one after the
# other (with grouped-query attention fewer for k and v); residual: features of the residual stream; ffn: neurons.
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


@dataclass(frozen=True)
class Adapter:
    """Names of one family: ``blocks`` is the prefix of the decoder blocks, ``modules`` maps names within a block."""

    blocks: str
    modules: dict[str, str]


ADAPTERS = {
    "llama": Adapter("model.layers", LLAMA_MODULES),
    "mistral": Adapter("model.layers", LLAMA_MODULES),
    "qwen2": Adapter("model.layers", LLAMA_MODULES),
    "qwen3": Adapter("model.layers", LLAMA_MODULES | QK_NORM),
    "gemma2": Adapter("model.layers", LLAMA_MODULES | FEEDFORWARD_NORM),
}


def dimension_of(module: str, axis: str) -> int:
    """Which dimension of a module's weight an axis is (0: out, 1: in). Raises ValueError where the module has none."""
    if module not in AXES or axis not in AXES[module]:
        has = " and ".join(AXES.get(module, ["none"]))
        raise ValueError(f"{module} has no axis {axis!r}; it has {has}")
    return AXES[module].index(axis)


@dataclass(frozen=True)
class Parameter:
    """Place of one parameter tensor. ``module`` is a short name such as ``attn.q``; ``kind`` is weight or bias."""

    name: str
    layer: int
    module: str
    kind: str

    @property
    def is_norm(self) -> bool:
        return self.module.startswith("norm.")


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


def locate_parameter(name: str, adapter: Adapter) -> Parameter | None:
    """Place of a parameter by its Hugging Face name; None where it is in no decoder block (embeddings, final norm, head).

    Raises ValueError for a block parameter that the adapter does not know: to guess would put it into a wrong row.
    """
    prefix = adapter.blocks + "."
    if not name.startswith(prefix):
        return None
    layer, _, rest = name[len(prefix) :].partition(".")
    module, _, kind = rest.rpartition(".")
    if module not in adapter.modules:
        raise ValueError(f"parameter {name!r} is in a decoder block, but the adapter knows no {module!r}")
    return Parameter(name, int(layer), adapter.modules[module], kind)
