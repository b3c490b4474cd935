"""Files of activation statistics: one language of one model and reading, safetensors (``langatlas.activations/1``).

For each position class (``all``: every token; of texts that a model wrote also ``last_prompt`` and ``generated``: the last
token of each prompt, and the new tokens that were fed) and statistic a tensor (L, F) named ``all.positive``, ...:

- ``positive``, ``zero``, ``negative``: how many tokens have an activation above, at, below 0 (int64);
- ``sum``, ``sum_squares``: of the activations (float64).

Counts that were imported have ``positive`` only. ``means.{layer}`` (S, F), fp32: mean activation of each of the first S
sequences, for average precision. Metadata: ``tokens`` (JSON, position class -> number), ``sequences``, model, language,
reading, provenance. Axes: L layers, F neurons of a layer, S sequences. Numpy only.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from langatlas.provenance import check_made_from
from langatlas.tensorfile import TensorFile, TensorWriter

FORMAT = "langatlas.activations/1"
COUNTS = ("positive", "zero", "negative")
SUMS = ("sum", "sum_squares")
WRITING = ("last_prompt", "generated")
"""Classes whose tokens are the last positions of the forward passes: what the published files count."""
SAME = ("model", "model_hash", "language", "reading", "precision")


@dataclass
class Activations:
    """Statistics by name (``all.positive``), tokens by position class, and sequence means by layer."""

    statistics: dict[str, np.ndarray]
    tokens: dict[str, int]
    means: list[np.ndarray]

    def write(self, path: str | os.PathLike, metadata: Mapping[str, str]) -> None:
        """Write the file. Raises ValueError where a sum is not finite: an activation was not a number."""
        layout = {
            name: ("F64" if values.dtype.kind == "f" else "I64", values.shape)
            for name, values in self.statistics.items()
        }
        layout |= {f"means.{layer}": ("F32", values.shape) for layer, values in enumerate(self.means)}
        described = {"format": FORMAT, "tokens": json.dumps(self.tokens), "sequences": str(self.sequences)}
        with TensorWriter(path, layout, {**metadata, **described}) as writer:
            for name, values in self.statistics.items():
                if not np.isfinite(values).all():
                    raise ValueError(f"{path}: {name} of layer {_first_bad(values)} is not finite")
                writer.write(name, values)
            for layer, values in enumerate(self.means):
                writer.write(f"means.{layer}", values)

    @property
    def sequences(self) -> int:
        """Number of sequences with means."""
        return len(self.means[0]) if self.means else 0


class ActivationFile:
    """One file, opened: tensors are read when asked for. Raises ValueError where it is none."""

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self._file = TensorFile(path, FORMAT)
        self.metadata = self._file.metadata
        self.tokens: dict[str, int] = json.loads(self.metadata["tokens"])
        self.sequences = int(self.metadata["sequences"])
        self.shape = self._file.shape(f"{next(iter(self.tokens))}.positive")

    def __contains__(self, name: str) -> bool:
        return name in self._file.names

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._file.names:
            raise ValueError(f"{self.path} has no {name}; it has {', '.join(self._file.names)}")
        return self._file[name]

    def means(self, layer: int) -> np.ndarray:
        """Mean activation of each sequence, (S, F)."""
        return self[f"means.{layer}"]

    def probability(self, positions: str = "all") -> np.ndarray:
        """Share of tokens on which each neuron is active (above 0), (L, F) float64."""
        return self[f"{positions}.positive"] / self.tokens[positions]

    def mean(self, positions: str = "all") -> np.ndarray:
        """Mean activation over tokens, (L, F) float64."""
        return self[f"{positions}.sum"] / self.tokens[positions]

    def writing_counts(self) -> tuple[np.ndarray, int]:
        """How often each neuron was above 0 at the last position of a forward pass (L, F), and how many passes there were."""
        if "published" in self.tokens:  # imported
            return self["published.positive"], self.tokens["published"]
        return sum(self[f"{name}.positive"] for name in WRITING), sum(self.tokens[name] for name in WRITING)

    def read(self) -> Activations:
        """All of it."""
        statistics = {name: self[name] for name in self._file.names if not name.startswith("means.")}
        layers = range(self.shape[0]) if self.sequences else ()
        return Activations(statistics, dict(self.tokens), [self.means(layer) for layer in layers])


def open_together(paths: Sequence[str], model_hash: str | None = None) -> list[ActivationFile]:
    """Files of several languages of one model. Raises ValueError where they are of different models, readings or shapes, or of
    another model than that of ``model_hash``, where it is given.
    """
    files = [ActivationFile(path) for path in paths]
    if model_hash is not None:
        for file in files:
            check_made_from(file.path, "activations", file.metadata, model_hash)
    for other in files[1:]:
        for key in ("model", "model_hash", "reading"):
            if other.metadata.get(key) != files[0].metadata.get(key):
                raise ValueError(
                    f"{other.path}: {key} is {other.metadata.get(key)!r}, but {files[0].metadata.get(key)!r} in {files[0].path}"
                )
        if other.shape != files[0].shape:
            raise ValueError(f"{other.path}: {other.shape} neurons, but {files[0].shape} in {files[0].path}")
    return files


def add_shards(paths: Sequence[str], output: str, sequences: int, metadata: Mapping[str, str]) -> None:
    """Add the statistics of a language's shards; of the sequence means the first ``sequences`` in the order of the text.

    Number i of the text lies in shard i modulo their number. Raises ValueError when the shards do not belong together.
    """
    files = open_together(paths)
    for key in SAME:
        if len({file.metadata.get(key) for file in files}) > 1:
            raise ValueError(f"{output}: its shards differ in {key}; delete them and run again")
    parts = [file.read() for file in files]
    means = [_interleaved([part.means[layer] for part in parts])[:sequences] for layer in range(len(parts[0].means))]
    kept = {key: files[0].metadata[key] for key in SAME}
    summed = total(parts)
    Activations(summed.statistics, summed.tokens, means).write(output, {**kept, **metadata})


def total(parts: Sequence[Activations]) -> Activations:
    """Statistics of several texts together; sequence means are left out."""
    statistics = {name: sum(part.statistics[name] for part in parts) for name in parts[0].statistics}
    tokens = {name: sum(part.tokens[name] for part in parts) for name in parts[0].tokens}
    return Activations(statistics, tokens, [])


def _interleaved(parts: list[np.ndarray]) -> np.ndarray:
    """Row i of the text stands in part i modulo their number."""
    rows = [part[row] for row in range(max(map(len, parts))) for part in parts if row < len(part)]
    return np.stack(rows)


def _first_bad(values: np.ndarray) -> int:
    return int(np.argwhere(~np.isfinite(values))[0][0])
