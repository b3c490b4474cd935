"""How a model is run: whole on one device, or spread over several by DeepSpeed's ZeRO. Chosen from sizes, before loading.

Memory of one device in bytes, with P parameters, G of them in the largest part (a decoder block, the embedding or the
head), w bytes a weight, n devices, A activations of one micro-batch:

| engine | importance | further training |
| --- | --- | --- |
| single | wP + 4P + wG + A | 2wP + 16P + A: gradients and the working copy, their fp32 copies, two moments of AdamW |
| zero2 | wP + 8P/n + B + A: everything but the weights is spread | wP + 16P/n + B + A |
| zero3 | (w + 8)P/n + 2wG + B + A: two parts whole at a time | not offered |

B = (w + 8)G: one part's gradients and the fp32 buffer in which they are sent. The 8P are fp32 gradient sums and the fp32
copy of the weights that DeepSpeed makes. Offloading keeps what is spread in the node's memory instead.

These formulas are the project's only ones: `make plan` (``plan.memory``) calls them too, so nothing here imports torch
before a function needs it.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from langatlas.models.checkpoint import Manifest, empty

log = logging.getLogger(__name__)
OFFERED = {"importance": ("single", "zero2", "zero3"), "training": ("single", "zero2")}
USABLE = 0.9  # of a device's memory; the rest is for its context and for fragmentation
GIB = 2**30


@dataclass(frozen=True)
class Size:
    """A model's numbers that memory depends on. ``largest_part``: parameters of its largest block, embedding or head;
    ``keys``: width of its keys, and of its values (None: that of the residual stream).
    """

    parameters: int
    largest_part: int
    layers: int
    hidden: int
    ffn: int
    vocabulary: int
    bytes_per_weight: int
    keys: int | None = None


@dataclass(frozen=True)
class Devices:
    """What a job was given: ``count`` devices of ``memory`` bytes each on each of ``nodes`` nodes."""

    kind: str
    count: int
    memory: int
    nodes: int = 1

    @property
    def processes(self) -> int:
        return self.count * self.nodes


def given(processes: int | None = None, nodes: int = 1) -> Devices:
    """Devices of this job: its GPUs, or on a machine without any the CPU as one. ``processes``: so many of them a node.

    Raises ValueError where more processes are asked for than there are GPUs.
    """
    import psutil
    import torch

    gpus = torch.cuda.device_count()
    if gpus and processes and processes > gpus:
        raise ValueError(f"{processes} processes on a node were asked for, but the job was given {gpus} GPU(s) there")
    if gpus:
        return Devices("GPU", processes or gpus, torch.cuda.get_device_properties(0).total_memory, nodes)
    return Devices("CPU", processes or 1, psutil.virtual_memory().total, nodes)


def size_of(manifest: Manifest) -> Size:
    """Numbers of a checkpoint from its config alone; no weight is read."""
    import torch

    model = empty(manifest)
    config = model.config
    tensors = [(name, parameter.numel()) for name, parameter in model.named_parameters()]
    widths = (getattr(config, key, None) for key in ("intermediate_size", "ffn_dim", "n_inner"))
    return Size(
        parameters=sum(numel for _, numel in tensors),
        largest_part=largest_part(tensors),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        ffn=next((width for width in widths if width), 4 * config.hidden_size),
        vocabulary=config.vocab_size,
        bytes_per_weight=getattr(torch, manifest.dtype).itemsize,
        keys=_width_of_keys(config),
    )


def largest_part(tensors: Iterable[tuple[str, int]]) -> int:
    """Parameters of the largest block, embedding or head of a model, from (name, number of entries) of its tensors."""
    parts: Counter[str] = Counter()
    for name, numel in tensors:
        block = re.search(r"\.(\d+)\.", name)
        parts[block[1] if block else name] += numel
    return max(parts.values())


def _width_of_keys(config) -> int | None:
    heads, keys, width = (getattr(config, k, None) for k in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    return keys * (width or config.hidden_size // heads) if heads and keys else None


def layer_bytes(size: Size, precision: str) -> int:
    """What a token keeps of one layer for its backward pass, gated feed-forward, attention in one kernel.

    In the precision of the products eight vectors of the residual's width, keys and values, and four vectors of the
    feed-forward's. In half precision a norm keeps a copy in fp32; fp32 weights multiplied in bf16 keep the cast residuals too.
    The rest are means and maxima of norms and attention.
    """
    c = _product_bytes(size, precision)
    keys = size.hidden if size.keys is None else size.keys
    in_fp32 = (4 if c == 2 else 0) + (10 if _is_cast(size, precision) else 0)
    return c * (8 * size.hidden + 2 * keys + 4 * size.ffn) + in_fp32 * size.hidden + 24


def logits_bytes(size: Size, tokens: int, precision: str) -> int:
    """Logits on their way to a loss or back: twice in the precision of the products, twice in fp32."""
    return (8 + 2 * _product_bytes(size, precision)) * size.vocabulary * tokens


def activation_bytes(size: Size, tokens: int, precision: str) -> int:
    """What a micro-batch of this many tokens keeps for its backward pass. fp32 weights multiplied in bf16 are copied once."""
    copies = 2 * size.parameters if _is_cast(size, precision) else 0
    return tokens * size.layers * layer_bytes(size, precision) + logits_bytes(size, tokens, precision) + copies


def _product_bytes(size: Size, precision: str) -> int:
    return 2 if precision == "bfloat16" else size.bytes_per_weight


def _is_cast(size: Size, precision: str) -> bool:
    return precision == "bfloat16" and size.bytes_per_weight == 4


def device_bytes(size: Size, purpose: str, engine: str, n: int, offload: bool, activations: int) -> int:
    """Memory of one device by the table at the head of this file. ``n``: devices; ``purpose``: importance or training."""
    p, g, w = size.parameters, size.largest_part, size.bytes_per_weight
    if engine == "single":
        return (w * p + 4 * p + w * g if purpose == "importance" else (2 * w + 16) * p) + activations
    buffers = (w + 8) * g
    states = 0 if offload else -(-(8 if purpose == "importance" else 16) * p // n)
    if engine == "zero2":
        return w * p + states + buffers + activations
    weights = 0 if offload else -(-w * p // n)
    return weights + states + 2 * w * g + buffers + activations


def choose(asked: str, purpose: str, size: Size, devices: Devices, offload: bool, activations: int) -> str:
    """The engine to use, said and reasoned in the log: what was asked for, or for ``auto`` the first that fits.

    On a CPU ``auto`` is always ``single``: processes of one machine share its memory, so spreading saves nothing. Raises
    ValueError where an engine does not serve this purpose or nothing fits, saying what would help.
    """
    offered = OFFERED[purpose]
    if asked != "auto" and asked not in offered:
        raise ValueError(f"engine {asked!r} does not serve {purpose}; it must be one of auto, {', '.join(offered)}")
    room = USABLE * devices.memory
    needs = {e: device_bytes(size, purpose, e, devices.processes, offload, activations) for e in offered}
    said = ", ".join(f"{engine} {need / GIB:.2f}" for engine, need in needs.items())
    if asked != "auto":
        engine, reason = asked, "the config says so" + ("" if needs[asked] <= room else ", though it may not fit")
    elif devices.kind == "CPU":
        engine, reason = "single", "processes of one machine share its memory"
    else:
        engine = next((engine for engine, need in needs.items() if need <= room), "")
        reason = "it is the first that fits"
    where = f"{devices.processes} {devices.kind} device(s) of {devices.memory / GIB:.1f} GiB on {devices.nodes} node(s)"
    if not engine:
        raise ValueError(
            f"{purpose} of a model of {size.parameters / 1e9:.2f} billion parameters fits no engine on {where} (GiB a device: "
            f"{said}): give the job more GPUs (slurm/README.md), set offload: true, or lower batch_size"
        )
    log.info("engine %s, because %s: GiB a device would be %s; there are %s", engine, reason, said, where)
    return engine
