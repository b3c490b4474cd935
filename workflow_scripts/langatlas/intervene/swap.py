"""Swap: tensors of the model are replaced by those of a variant inside a context, and back bit for bit after it.

A variant is a folder with ``variant.json`` (format ``langatlas.variant/1``, ``base_hash``, recipe and provenance) and
``tensors.safetensors``, which holds the tensors that differ from the base under the names of the model's parameters. Another
checkpoint of the same shape is one too: all of its tensors. torch is imported where tensors are swapped.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from langatlas.files import atomic
from langatlas.intervene.index import Columns
from langatlas.models.checkpoint import Manifest

if TYPE_CHECKING:
    import torch

FORMAT = "langatlas.variant/1"
TENSORS = "tensors.safetensors"


@dataclass(frozen=True)
class Swap:
    """The tensors of ``files`` (safetensors) stand in the place of the model's."""

    kind: ClassVar[str] = "swap"
    columns: Columns
    files: Sequence[str]
    measured: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Columns, payload: Mapping, measured: Sequence[str] | None) -> "Swap":
        """What ``payload`` gave."""
        return cls(columns, payload["files"], measured)

    def payload(self) -> dict:
        """Where the tensors are."""
        return {"files": list(self.files)}

    @contextmanager
    def applied(self, model: "torch.nn.Module") -> Iterator[int]:
        """Yields how many parameters were replaced. Raises ValueError for a tensor that the model lacks, or has in another shape.

        The model's own tensors lie in a temporary file meanwhile, so that no second copy of a large model is in memory.
        """
        parameters = dict(model.named_parameters())
        with tempfile.TemporaryFile() as kept:
            swapped: list[str] = []
            try:
                for name, tensor in self._tensors(parameters):
                    _bits(parameters[name]).tofile(kept)
                    swapped.append(name)
                    parameters[name].data.copy_(tensor)
                yield sum(parameters[name].numel() for name in swapped)
            finally:
                kept.seek(0)
                for name in swapped:
                    _put_back(parameters[name], kept)

    def _tensors(self, parameters: Mapping) -> Iterator[tuple[str, "torch.Tensor"]]:
        """Name and tensor, one after the other, each checked against the model before it is given."""
        from safetensors import safe_open

        for path in self.files:
            with safe_open(path, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118 (no mapping)
                    tensor = opened.get_tensor(name)
                    if name not in parameters or parameters[name].shape != tensor.shape:
                        has = tuple(parameters[name].shape) if name in parameters else "no such parameter"
                        raise ValueError(
                            f"{path}: {name} of shape {tuple(tensor.shape)} does not fit: the model has {has}"
                        )
                    yield name, tensor


def _bits(parameter: "torch.Tensor"):
    """The bytes of a tensor, as numpy."""
    import torch

    return parameter.data.detach().cpu().contiguous().view(torch.uint8).numpy()


def _put_back(parameter: "torch.Tensor", kept) -> None:
    """The next tensor of a file, as it was."""
    import numpy as np
    import torch

    size = parameter.numel() * parameter.element_size()
    bits = torch.from_numpy(np.fromfile(kept, np.uint8, size))
    parameter.data.copy_(bits.view(parameter.dtype).view(parameter.shape))


def choose(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: Manifest) -> Iterator[Swap]:
    """The swap of every variant. Raises ValueError where a variant is of another base, or a checkpoint of another family."""
    for name, path in zip(entry["variants"], files["variants"], strict=True):
        tensors = _of_variant(path, manifest) if Path(path).name == "variant.json" else _of_checkpoint(path, manifest)
        yield Swap({"side": "top", "edit": "swap", "target": name}, tensors)


def _of_variant(path: str, manifest: Manifest) -> list[str]:
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {document.get('format', 'no format')}")
    if document["base_hash"] != manifest.hash:
        raise ValueError(
            f"{path}: a variant of model {document['base']} ({document['base_hash']}), not of {manifest.name} ({manifest.hash})"
        )
    return [os.fspath(Path(path).with_name(TENSORS))]


def _of_checkpoint(path: str, manifest: Manifest) -> list[str]:
    other = Manifest.read(path)
    if (other.model_type, other.vocabulary_size) != (manifest.model_type, manifest.vocabulary_size):
        raise ValueError(
            f"{path}: a {other.model_type} of {other.vocabulary_size} words cannot stand in the place of {manifest.name}, a "
            f"{manifest.model_type} of {manifest.vocabulary_size}"
        )
    return sorted(map(os.fspath, Path(other.path).glob("*.safetensors")))


def write_variant(model: "torch.nn.Module", base: Manifest, folder: str | os.PathLike, recipe: Mapping) -> int:
    """Keep what of a model differs from its base checkpoint, as a variant; gives the number of tensors.

    Tensors have the type in which the base is loaded. ``recipe``: how it was made, with its provenance.
    """
    import torch
    from safetensors.torch import save_file

    from langatlas.models.checkpoint import load

    folder, changed = Path(folder), {}
    original = dict(load(base, torch.device("cpu")).named_parameters())
    for name, parameter in model.named_parameters():
        tensor = parameter.detach().cpu().to(original[name].dtype)
        if not torch.equal(tensor.view(torch.uint8), original[name].detach().view(torch.uint8)):
            changed[name] = tensor.contiguous().clone()
    with atomic(folder / TENSORS) as temporary:
        save_file(changed, temporary)
    document = {"format": FORMAT, "base": base.name, "base_hash": base.hash, "tensors": sorted(changed), **recipe}
    with atomic(folder / "variant.json") as temporary:
        temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(changed)
