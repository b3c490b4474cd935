"""What this machine reaches, measured in the same run: products of large matrices, and bytes to and from memory.

One thread of a processor, as the benchmarks use, or a whole GPU. A part's limit is what it would take at these rates: its
floating-point operations, or the bytes that it must read and write, whichever takes longer.
"""

import time
from dataclasses import dataclass
from functools import cache

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Peaks:
    """FLOP a second of a product of matrices, bytes a second of a copy (read and written)."""

    flops: float
    bandwidth: float


def _best(call, device: torch.device, rounds: int = 7) -> float:
    """Seconds of the fastest of several turns."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return min(taken)


@cache
def peaks(device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> Peaks:
    """Measured once a run, on one thread of a processor."""
    torch.set_num_threads(1)
    size, length = (8192, 2**30) if device.type == "cuda" else (1024, 2**26)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    flops = 2 * size**3 / _best(lambda: torch.mm(a, b, out=out), device)
    source, target = (torch.ones(length // 4, device=device) for _ in range(2))
    bandwidth = 2 * length / _best(lambda: target.copy_(source), device)
    return Peaks(flops, bandwidth)


def limit(seconds: float, flop: float, moved: float, at: Peaks | None = None) -> str:
    """Which limit a part runs against, and which share of it it reaches. ``moved``: bytes that it must read and write."""
    at = at or peaks()
    needed = {"FLOP": flop / at.flops, "bytes": moved / at.bandwidth}
    kind = max(needed, key=needed.get)
    return f"{kind}: {needed[kind] / seconds:.2f} of the machine"


def llama_flop(config, tokens: int, length: int, passes: int = 1, head: bool = True) -> float:
    """FLOP of a Llama for so many tokens in texts of this length. ``passes``: 1 forward, 3 forward and backward.

    Two for each weight of a matrix; scores and sums of attention over the half that is not masked.
    """
    hidden, layers = config.hidden_size, config.num_hidden_layers
    keys = hidden * config.num_key_value_heads // config.num_attention_heads
    block = 2 * hidden * (hidden + keys) + 3 * hidden * config.intermediate_size
    matrices = layers * block + head * hidden * config.vocab_size
    return passes * tokens * (2 * matrices + 2 * layers * hidden * length)
