"""The weights of a checkpoint as files: which of them count, what their headers say, and a hash of what they hold. No torch.

The hash is of tensors, not of files: names, types, shapes and bytes in the order of names. How they are spread over files,
their order in them and what else a header says (the library writes its metadata in another order at every save) do not matter.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
POINTER = b"version https://git-lfs"
# Bytes of an entry, and its bits read as an unsigned number of which all but the first bit grow with its size.
FLOATS = {"F64": np.uint64, "F32": np.uint32, "F16": np.uint16, "BF16": np.uint16}
INFINITE = {"F64": 0x7FF0000000000000, "F32": 0x7F800000, "F16": 0x7C00, "BF16": 0x7F80}
BEYOND_HALF = {"F64": 0x40EFFE0000000000, "F32": 0x477FF000, "BF16": 0x4780}  # from 65,520 on fp16 has only infinity
CHUNK = 1 << 24  # bytes that are read at a time: a mapped file would count as memory of the job
READERS = 4  # hashing is slower than reading, and lets other threads run
# Keys of config.json that say how it was written, or what is asked for by name at every load: no number depends on them.
NOT_IDENTITY = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache")


@dataclass(frozen=True)
class Stored:
    """Where a tensor is: ``size`` bytes from ``start`` on in the file ``path``. ``dtype`` as safetensors writes it."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, piece by piece."""
        with open(self.path, "rb") as handle:
            handle.seek(self.start)
            for left in range(self.size, 0, -CHUNK):
                yield handle.read(min(left, CHUNK))

    def digest(self) -> str:
        """sha256 of its bytes."""
        hashed = hashlib.sha256()
        for chunk in self.chunks():
            hashed.update(chunk)
        return hashed.hexdigest()

    def digest_and_largest(self) -> tuple[str, int]:
        """``digest``, and the bits of the entry that is largest in size (NaN is larger than all; 0 of what holds no floats)."""
        hashed, largest = hashlib.sha256(), 0
        for chunk in self.chunks():
            hashed.update(chunk)
            largest = max(largest, _largest(chunk, self.dtype))
        return hashed.hexdigest(), largest


def _largest(chunk: bytes, dtype: str) -> int:
    if dtype not in FLOATS:
        return 0
    kind = np.dtype(FLOATS[dtype]).newbyteorder("<")
    sign = kind.type(1 << (8 * kind.itemsize - 1))
    return int((np.frombuffer(chunk, kind) & ~sign).max())


def read_json(path: Path, name: str) -> dict[str, Any]:
    """A JSON file of a checkpoint. Raises ValueError where it is a Git-LFS pointer, or no JSON object."""
    check_no_pointer(path, name)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"model {name}: {path} is not readable as JSON ({error}); fetch it again") from None
    if not isinstance(found, dict):
        raise ValueError(f"model {name}: {path} holds no JSON object; fetch it again")
    return found


def check_no_pointer(path: Path, name: str) -> None:
    """Raises ValueError for a file that Git LFS has left as a pointer of three lines in place of the content."""
    with open(path, "rb") as handle:
        if handle.read(len(POINTER)) == POINTER:
            raise ValueError(
                f"model {name}: {path} is a Git-LFS pointer, not the file itself; run `git lfs pull` in {path.parent}, or "
                "download the checkpoint with `hf download`"
            )


def weight_files(folder: Path, name: str) -> list[Path]:
    """The files that transformers reads weights from: one, or those that the index names; others are not looked at.

    Raises ValueError where there are none, or one that the index names is missing.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        if there := sorted(path.name for path in folder.glob("*.safetensors")):
            held = ", ".join(there)
            raise ValueError(f"model {name}: {folder} holds {held}, but neither {WEIGHTS} nor {INDEX}; fetch it again")
        raise ValueError(f"model {name}: {folder} holds no *.safetensors; convert its weights with save_pretrained")
    parts = sorted(set(read_json(folder / INDEX, name).get("weight_map", {}).values()))
    if not parts:
        raise ValueError(f"model {name}: {folder / INDEX} names no file in its weight_map; fetch it again")
    if missing := [part for part in parts if not (folder / part).is_file()]:
        raise ValueError(
            f"model {name}: {folder} lacks {', '.join(missing)}, which {INDEX} names ({len(missing)} of {len(parts)} files of "
            "weights); fetch the checkpoint again"
        )
    return [folder / part for part in parts]


def stored_tensors(folder: Path, name: str) -> dict[str, Stored]:
    """Every tensor of a checkpoint by name, in the order of names. Raises ValueError, naming the file, where one is no
    safetensors file, is cut off, or repeats a tensor of another.
    """
    found: dict[str, Stored] = {}
    for path in weight_files(folder, name):
        for tensor in _tensors_of(path, name):
            if tensor.name in found:
                raise ValueError(
                    f"model {name}: {path} and {found[tensor.name].path} both hold {tensor.name}; fetch the checkpoint again"
                )
            found[tensor.name] = tensor
    return dict(sorted(found.items()))


def _tensors_of(path: Path, name: str) -> Iterator[Stored]:
    check_no_pointer(path, name)
    size = path.stat().st_size
    with open(path, "rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(
                f"model {name}: {path} is no safetensors file, or cut off in its header ({size} bytes); fetch it again"
            )
        try:
            header = json.loads(handle.read(length))
            entries = {tensor: entry for tensor, entry in header.items() if tensor != "__metadata__"}
            places = {
                t: (e["dtype"], tuple(e["shape"]), e["data_offsets"][0], e["data_offsets"][1])
                for t, e in entries.items()
            }
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            raise ValueError(
                f"model {name}: {path} is no safetensors file: its header is not readable; fetch it again"
            ) from None
    ends = max((end for *_, end in places.values()), default=0)
    if 8 + length + ends != size:
        raise ValueError(
            f"model {name}: {path} has {size} bytes, but by its header {8 + length + ends}: it is cut off or corrupt; fetch it "
            "again"
        )
    for tensor, (dtype, shape, start, end) in places.items():
        entries_of = math.prod(shape)
        if dtype in FLOATS and end - start != entries_of * np.dtype(FLOATS[dtype]).itemsize:
            raise ValueError(
                f"model {name}: {path}: {tensor} has {end - start} bytes for {entries_of} entries of {dtype}"
            )
        yield Stored(path, tensor, dtype, shape, 8 + length + start, end - start)


def digests(tensors: Mapping[str, Stored]) -> dict[str, str]:
    """sha256 of the bytes of every tensor, by name; a few are read at a time."""
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(tensors, pool.map(Stored.digest, tensors.values()), strict=True))


def digests_and_largest(tensors: Mapping[str, Stored]) -> tuple[dict[str, str], dict[str, int]]:
    """``digests`` and, from the same reading, the bits of the largest entry of every tensor."""
    with ThreadPoolExecutor(READERS) as pool:
        found = dict(zip(tensors, pool.map(Stored.digest_and_largest, tensors.values()), strict=True))
    return {name: one for name, (one, _) in found.items()}, {name: one for name, (_, one) in found.items()}


def identity(config: Mapping[str, Any], tensors: Mapping[str, Stored], hashes: Mapping[str, str]) -> str:
    """Hash of a model: its config without NOT_IDENTITY, and every tensor's name, type, shape and content."""
    kept = {key: value for key, value in config.items() if key not in NOT_IDENTITY}
    held = [(name, tensor.dtype, tensor.shape, hashes[name]) for name, tensor in sorted(tensors.items())]
    return hashlib.sha256(json.dumps([kept, held], sort_keys=True).encode()).hexdigest()[:16]


def identity_of(folder: str | os.PathLike, name: str) -> str:
    """``identity`` of a checkpoint folder. Raises ValueError where it is none."""
    folder = Path(folder)
    tensors = stored_tensors(folder, name)
    return identity(read_json(folder / "config.json", name), tensors, digests(tensors))
