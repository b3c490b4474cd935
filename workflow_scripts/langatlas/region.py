"""A region: a set of parameters of a model, one bit a parameter, as a file. Numpy only, so that figures need no torch.

File (safetensors, ``langatlas.region/1``): one U8 tensor per parameter tensor holding its mask in C order, packed eight
to a byte, little bit order, tail bits zero; metadata as in ``save``.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping

import numpy as np

from langatlas.models.adapters import AXES, Part, dimension_of, parts_of
from langatlas.tensorfile import TensorFile, TensorWriter

FORMAT = "langatlas.region/1"
EQUAL = "-equal-"  # METHOD-equal-LANGUAGE: what a method chose, cut to the size that all methods have
SHARE = "share "  # what stands before the share of that size in the column `setting`


def pack(mask: np.ndarray) -> np.ndarray:
    """Bool mask of any shape -> uint8 of ceil(numel / 8), C order, little bit order."""
    return np.packbits(mask.reshape(-1), bitorder="little")


def unpack(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Inverse of ``pack``."""
    return np.unpackbits(bits, count=int(np.prod(shape, dtype=np.int64)), bitorder="little").view(bool).reshape(shape)


class RegionWriter(TensorWriter):
    """Write a region matrix by matrix. ``shapes`` maps parameter names, in the model's order, to their shapes."""

    def __init__(self, path: str | os.PathLike, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]):
        layout = {name: ("U8", (-(-int(np.prod(shape, dtype=np.int64)) // 8),)) for name, shape in shapes.items()}
        described = {"format": FORMAT, "shapes": json.dumps({name: list(shape) for name, shape in shapes.items()})}
        super().__init__(path, layout, {**metadata, **described})
        self._name = None  # of the tensor whose parts are coming

    def write_mask(self, name: str, mask: np.ndarray) -> None:
        self.write(name, pack(mask))

    def write_part(self, part: Part, mask: np.ndarray) -> None:
        """Mask of one logical matrix, of any shape in the order as stored; its tensor is written when all parts have come."""
        if part.whole:
            return self.write_mask(part.name, mask.reshape(part.stored))
        if part.name != self._name:
            self._name, self._mask, self._missing = part.name, np.zeros(part.stored, bool), math.prod(part.stored)
        part.put(self._mask, mask)
        self._missing -= part.size
        if not self._missing:
            self.write_mask(part.name, self._mask)


class Region:
    """A region file opened for reading; masks are unpacked one tensor at a time."""

    def __init__(self, path: str | os.PathLike):
        self._file = TensorFile(path, FORMAT)
        self.path = self._file.path
        self.metadata = self._file.metadata
        self.names = self._file.names
        self._shapes = {name: tuple(shape) for name, shape in json.loads(self.metadata["shapes"]).items()}

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Region":
        return cls(path)

    @property
    def language(self) -> str:
        """The one language whose importance the region was chosen by. Raises ValueError for a region of several."""
        (language,) = json.loads(self.metadata["languages"])
        return language

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def bits(self, name: str) -> np.ndarray:
        """Packed mask, uint8 of ceil(numel / 8)."""
        return self._file[name]

    def mask(self, name: str) -> np.ndarray:
        """Bool mask with the shape of the parameter."""
        return unpack(self.bits(name), self.shape(name))

    def count(self, name: str) -> int:
        """Number of selected parameters of one tensor."""
        return int(np.bitwise_count(self.bits(name)).sum(dtype=np.int64))

    def numel(self, name: str) -> int:
        return int(np.prod(self.shape(name), dtype=np.int64))

    def parts(self) -> list[Part]:
        """Logical matrices and vectors of all stored tensors, in the model's order; q, k, v apart also where fused."""
        return [part for name in self.names for part in parts_of(name, self.shape(name), self.metadata)]

    def part_mask(self, part: Part) -> np.ndarray:
        """Bool mask of one logical matrix, (out, in) whatever the storage, or of one vector."""
        return part.of(self.mask(part.name))

    def part_bits(self, part: Part) -> np.ndarray:
        """Packed mask of one logical matrix or vector, in the order as stored."""
        return self.bits(part.name) if part.whole else pack(part.take(self.mask(part.name)))

    def part_count(self, part: Part) -> int:
        """Number of selected parameters of one logical matrix or vector."""
        return int(np.bitwise_count(self.part_bits(part)).sum(dtype=np.int64))

    def matrices(self) -> list[Part]:
        """The logical matrices of decoder blocks, in the model's order."""
        return [part for part in self.parts() if part.module in AXES and part.kind == "weight"]

    def line_counts(self, place: Part, axis: str) -> np.ndarray:
        """How many selected parameters each line along ``axis`` of one matrix holds. Shape: (lines,)."""
        return self.part_mask(place).sum(axis=1 - dimension_of(place.module, axis), dtype=np.int64)

    def axis_totals(self, axis: str) -> np.ndarray:
        """Counts of selected parameters by line of an axis, summed over all matrices that have it.

        Raises ValueError where matrices disagree about the number of lines (as heads do with grouped-query attention).
        """
        counts = [self.line_counts(place, axis) for place in self.matrices() if axis in AXES[place.module]]
        if len({len(count) for count in counts}) > 1:
            raise ValueError(
                f"{self.path}: matrices differ in their number of {axis} lines: {sorted({*map(len, counts)})}"
            )
        return np.sum(counts, axis=0)


def save(path: str | os.PathLike, masks: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write masks that are in memory. ``metadata``: region, side, ratio, scope, samples, languages (JSON), seed, hashes."""
    with RegionWriter(path, {name: mask.shape for name, mask in masks.items()}, metadata) as writer:
        for name, mask in masks.items():
            writer.write_mask(name, mask)


def check_same_parameters(regions: Iterable[Region]) -> list[str]:
    """Names that all regions share, in order. Raises ValueError when they are of different models."""
    regions = list(regions)
    first = regions[0]
    for other in regions[1:]:
        if (a := other.metadata.get("model_hash")) != (b := first.metadata.get("model_hash")):
            raise ValueError(f"{other.path} ({a}) and {first.path} ({b}) are regions of different models")
        if other._shapes != first._shapes:
            differing = sorted(set(first._shapes.items()) ^ set(other._shapes.items()))[:3]
            raise ValueError(
                f"{other.path} and {first.path} are regions of different models; they differ in {differing}"
            )
    return first.names
