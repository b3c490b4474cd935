"""Safetensors files that are written and read one tensor at a time, so that memory does not grow with the model.

The format (8-byte little-endian header length, JSON header, raw data) is the one of the safetensors library, which
reads these files; its own writer wants every tensor in memory at once.
"""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack

import numpy as np
from safetensors import SafetensorError, safe_open

from langatlas.files import atomic

BYTES = {"F64": 8, "I64": 8, "F32": 4, "U8": 1}
NUMPY = {"F64": np.dtype("<f8"), "I64": np.dtype("<i8"), "F32": np.dtype("<f4"), "U8": np.dtype("u1")}


class TensorWriter:
    """Write tensors in the order of ``layout``; the file appears under its name only when all of them are written.

    ``layout`` maps a tensor's name to (dtype, shape) with a dtype of ``BYTES``. Use as a context manager.
    """

    def __init__(self, path: str | os.PathLike, layout: Mapping[str, tuple[str, tuple]], metadata: Mapping[str, str]):
        self.path, self.layout, self.metadata = path, dict(layout), dict(metadata)
        self._waiting = list(self.layout)

    def __enter__(self) -> "TensorWriter":
        self._stack = ExitStack()
        self._handle = self._stack.enter_context(open(self._stack.enter_context(atomic(self.path)), "wb"))
        header, offset = {"__metadata__": self.metadata}, 0
        for name, (dtype, shape) in self.layout.items():
            size = int(np.prod(shape, dtype=np.int64)) * BYTES[dtype]
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header, ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)  # data aligned to 8 bytes, as the library does it
        self._handle.write(len(text).to_bytes(8, "little") + text)
        return self

    def write(self, name: str, values: np.ndarray) -> None:
        """Append the next tensor of the layout. Raises ValueError when it is not the next one or has another shape."""
        dtype, shape = self.layout[name]
        if not self._waiting or self._waiting[0] != name:
            raise ValueError(f"{self.path}: tensor {name!r} is out of order, expected {self._waiting[:1]}")
        if tuple(values.shape) != tuple(shape):
            raise ValueError(f"{self.path}: tensor {name!r} has shape {values.shape}, expected {tuple(shape)}")
        self._handle.write(np.ascontiguousarray(values, NUMPY[dtype]).data)
        self._waiting.pop(0)

    def __exit__(self, kind, error, trace) -> None:
        if kind is None and self._waiting:
            kind = ValueError
            error = ValueError(f"{self.path}: closed before {len(self._waiting)} tensors were written")
            self._stack.__exit__(kind, error, None)
            raise error
        self._stack.__exit__(kind, error, trace)


class TensorFile:
    """Read a safetensors file one tensor at a time. Raises ValueError naming the path when it is truncated or no such file.

    Tensors are read, not mapped: pages of a mapped file count as memory of the job for as long as it is open, and a batch
    system that looks at resident memory would see a job grow to the size of the files that it walks through.
    """

    def __init__(self, path: str | os.PathLike, expected_format: str):
        self.path = os.fspath(path)
        try:
            with safe_open(self.path, framework="np") as file:  # checks the header against the file's length
                self.metadata: dict[str, str] = file.metadata() or {}
                # offset_keys(): the order in the file, which is the model's; keys() sorts by name
                self.names: list[str] = list(file.offset_keys())
        except FileNotFoundError:
            raise ValueError(f"{self.path}: no such file") from None
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{self.path}: not a readable safetensors file ({error}); it is truncated or corrupt: delete it and run again"
            ) from None
        if self.metadata.get("format") != expected_format:
            found = self.metadata.get("format", "no format in its metadata")
            raise ValueError(f"{self.path}: expected {expected_format}, found {found}")
        with open(self.path, "rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            self._header, self._start = json.loads(handle.read(length)), 8 + length

    def __getitem__(self, name: str) -> np.ndarray:
        entry, shape = self._header[name], self.shape(name)
        values = np.fromfile(
            self.path,
            NUMPY[entry["dtype"]],
            count=int(np.prod(shape, dtype=np.int64)),
            offset=self._start + entry["data_offsets"][0],
        )
        return values.reshape(shape)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._header[name]["shape"])
