"""The published token store: PREFIX.bin, .idx, .dis.

``.bin``: all token ids one after the other, little-endian. ``.idx``: the start of every sample in tokens (uint64), then the
length of every sample (uint16). ``.dis``: a list with the number of samples (of each type), written by ``torch.save``.

As released, ids are uint16, which vocabularies above 65,536 overflow without a word. Here such stores are written with uint32;
which of the two a store has is told by its size, for the index says how many tokens there are.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from langatlas.files import atomic
from langatlas.interchange.saved import load_saved

LONGEST = 2**16 - 1  # lengths are uint16


def write_store(
    prefix: str | os.PathLike, sequences: Sequence[np.ndarray], counts: Sequence[int] | None = None
) -> None:
    """Write samples of token ids; ``counts``: samples of each type, if there are several. ``.bin`` appears last.

    Raises ValueError for a sample that is too long, an id that is no uint32, or counts that do not add up.
    """
    import torch

    counts = [len(sequences)] if counts is None else list(counts)
    if sum(counts) != len(sequences):
        raise ValueError(f"{prefix}.dis: the types hold {sum(counts)} samples, there are {len(sequences)}")
    lengths = np.array([len(ids) for ids in sequences], np.int64)
    if len(lengths) and lengths.max() > LONGEST:
        raise ValueError(
            f"{prefix}: sample {int(lengths.argmax())} has {lengths.max()} tokens, the store holds at most {LONGEST}"
        )
    tokens = (
        np.concatenate([np.asarray(ids, np.int64) for ids in sequences]) if len(sequences) else np.zeros(0, np.int64)
    )
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < 2**32:
        raise ValueError(f"{prefix}: token ids must be in [0, 2**32), got {tokens.min()} to {tokens.max()}")
    width = "<u2" if not len(tokens) or tokens.max() < 2**16 else "<u4"
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else np.zeros(0)
    with atomic(f"{prefix}.idx") as path:
        Path(path).write_bytes(starts.astype("<u8").tobytes() + lengths.astype("<u2").tobytes())
    with atomic(f"{prefix}.dis") as path:
        torch.save(counts, path)
    with atomic(f"{prefix}.bin") as path:
        Path(path).write_bytes(tokens.astype(width).tobytes())


def read_store(prefix: str | os.PathLike) -> tuple[list[np.ndarray], list[int]]:
    """Samples (views of uint16 or uint32 ids, the file mapped into memory) and the number of samples of each type.

    Raises ValueError, naming the file, where one is cut off or the three do not agree.
    """
    index = Path(f"{prefix}.idx").read_bytes()
    if len(index) % 10:
        raise ValueError(f"{prefix}.idx: {len(index)} bytes are no multiple of 10; the file is cut off or not an index")
    count = len(index) // 10
    starts = np.frombuffer(index, "<u8", count).astype(np.int64)
    lengths = np.frombuffer(index, "<u2", count, offset=8 * count).astype(np.int64)
    broken = np.flatnonzero(starts != np.concatenate([[0], np.cumsum(lengths)[:-1]])) if count else []
    if len(broken):
        raise ValueError(
            f"{prefix}.idx: sample {broken[0]} begins at token {starts[broken[0]]}, not where the one before it ends"
        )
    total, size = int(lengths.sum()), os.path.getsize(f"{prefix}.bin")
    if total and size not in (2 * total, 4 * total):
        raise ValueError(
            f"{prefix}.bin: {size} bytes, but {total} tokens need {2 * total} (uint16) or {4 * total} (uint32)"
        )
    tokens = np.memmap(f"{prefix}.bin", "<u2" if size == 2 * total else "<u4", "r") if total else np.zeros(0, "<u2")
    counts = load_saved(f"{prefix}.dis") or [count]
    if sum(counts) != count:
        raise ValueError(f"{prefix}.dis: the types hold {sum(counts)} samples, the index {count}")
    return [tokens[start : start + length] for start, length in zip(starts, lengths, strict=True)], list(counts)
