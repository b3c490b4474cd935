"""Where a model runs and in which precision its products are taken. Chosen at run time, written to the log and to files."""

import ctypes
import logging
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch

from langatlas.models.precision import resolve, resolved

log = logging.getLogger(__name__)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # options of mallopt(3)


def prepare(threads: int) -> None:
    """Use this many threads, and let the C library keep memory that tensors freed instead of handing it back.

    Otherwise each large temporary is mapped and zeroed by the kernel anew: training the mini model takes 1.3 times as
    long on a virtual machine. Other platforms than Linux go without.
    """
    torch.set_num_threads(threads)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            libc.mallopt(option, 2**31 - 1)


def pick_device() -> torch.device:
    """The first GPU that the job was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bf16 matrix products are faster than fp32 there: on a CPU only with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("amx_tile"))


def resolve_precision(precision: str, device: torch.device) -> str:
    """``auto`` -> bfloat16 or float32 on this device (see ``precision.resolve``). Raises ValueError for an unknown word."""
    precision = resolve(precision, partial(has_fast_bfloat16, device))
    log.info("device %s, matrix products in %s, %d threads", device, precision, torch.get_num_threads())
    return precision


def as_computed(settings: Mapping) -> dict:
    """Settings of a job with what ``precision: auto`` stands for on its device: files say what they were computed in."""
    return resolved(settings, partial(has_fast_bfloat16, pick_device()))


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Context in which fp32 weights are multiplied in ``precision`` (already resolved); no effect for float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
