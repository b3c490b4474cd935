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
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass

from langatlas.models.checkpoint import Manifest

log = logging.getLogger(__name__)
ENGINES = ("auto", "single", "zero2", "zero3")
OFFERED = {"importance": ("single", "zero2", "zero3"), "training": ("single", "zero2")}
USABLE = 0.9  # of a device's memory; the rest is for its context and for fragmentation
GIB = 2**30


@dataclass(frozen=True)
class Size:
    """A model's numbers that memory depends on. ``largest_part``: parameters of its largest block, embedding or head."""

    parameters: int
    largest_part: int
    layers: int
    hidden: int
    ffn: int
    vocabulary: int
    bytes_per_weight: int


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
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(manifest.path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    parts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        block = re.search(r"\.(\d+)\.", name)
        parts[block[1] if block else name] += parameter.numel()
    widths = (getattr(config, key, None) for key in ("intermediate_size", "ffn_dim", "n_inner"))
    return Size(
        parameters=parts.total(),
        largest_part=max(parts.values()),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        ffn=next((width for width in widths if width), 4 * config.hidden_size),
        vocabulary=config.vocab_size,
        bytes_per_weight=getattr(torch, manifest.dtype).itemsize,
    )


def activation_bytes(size: Size, tokens: int, precision: str) -> int:
    """What a micro-batch of this many tokens keeps for its backward pass, gated feed-forward, attention in one kernel.

    A layer keeps eight vectors of the residual's width and four of the feed-forward's in the precision of the products,
    and two more of the residual in fp32 for its norms; the logits are kept twice in fp32. fp32 weights multiplied in bf16
    are copied once, and the cast residuals are kept too.
    """
    c = 2 if precision == "bfloat16" else size.bytes_per_weight
    layer = c * (8 * size.hidden + 4 * size.ffn) + 8 * size.hidden
    cast = precision == "bfloat16" and size.bytes_per_weight == 4
    layer += 10 * size.hidden if cast else 0
    copies = 2 * size.parameters if cast else 0
    return tokens * (size.layers * layer + (8 + 2 * c) * size.vocabulary) + copies


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
