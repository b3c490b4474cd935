"""Swap: tensors of the model are replaced by those of a variant inside a context, and back bit for bit after it.

A variant is a folder with ``variant.json`` (format ``langatlas.variant/1``, ``base_hash``, recipe and provenance) and
``tensors.safetensors``, which holds the tensors that differ from the base under the names of the model's parameters. Another
checkpoint of the same config is one too: all of its tensors. torch is imported where tensors are swapped.
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
from langatlas.models.weights import NOT_IDENTITY, weight_files

if TYPE_CHECKING:
    import torch

FORMAT = "langatlas.variant/1"
TENSORS = "tensors.safetensors"


@dataclass(frozen=True)
class Swap:
    """The tensors of ``files`` (safetensors) stand in the place of the model's.

    ``checkpoint``: folder of the checkpoint whose weights they are, none left out; None for those of a variant.
    """

    kind: ClassVar[str] = "swap"
    columns: Columns
    files: Sequence[str]
    checkpoint: str | None = None
    measured: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Columns, payload: Mapping, measured: Sequence[str] | None) -> "Swap":
        """What ``payload`` gave."""
        return cls(columns, payload["files"], payload["checkpoint"], measured)

    def payload(self) -> dict:
        """Where the tensors are."""
        return {"files": list(self.files), "checkpoint": self.checkpoint}

    @contextmanager
    def applied(self, model: "torch.nn.Module") -> Iterator[int]:
        """Yields how many parameters were replaced. Raises ValueError for a tensor that the model lacks, or has in another shape,
        and for a checkpoint of another config, or without some of the model's tensors.

        The model's own tensors lie in a temporary file meanwhile (of the folder TMPDIR), so that no second copy of a large model
        is in memory.
        """
        if self.checkpoint:
            _check_config(self.checkpoint, model)
        parameters = dict(model.named_parameters(remove_duplicate=False))  # a tied tensor has several names
        swapped: dict[int, torch.nn.Parameter] = {}
        with tempfile.TemporaryFile() as kept:
            try:
                for path, name, tensor in self._tensors(parameters):
                    parameter = parameters[name]
                    if id(parameter) in swapped:
                        _check_tied(path, name, tensor, parameter)
                        continue
                    _bits(parameter).tofile(kept)
                    swapped[id(parameter)] = parameter
                    parameter.data.copy_(tensor)
                lacking = [name for name, parameter in parameters.items() if id(parameter) not in swapped]
                if self.checkpoint and lacking:
                    raise ValueError(
                        f"{self.checkpoint}: lacks {lacking[0]}, which the model has ({len(lacking)} of its tensors)"
                    )
                yield sum(parameter.numel() for parameter in swapped.values())
            finally:
                kept.seek(0)
                for parameter in swapped.values():
                    _put_back(parameter, kept)

    def _tensors(self, parameters: Mapping) -> Iterator[tuple[str, str, "torch.Tensor"]]:
        """File, name and tensor, one after the other, each checked against the model before it is given."""
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
                    yield path, name, tensor


def _check_config(folder: str, model: "torch.nn.Module") -> None:
    """Raises ValueError where a checkpoint would compute otherwise than the model does with its weights."""
    from transformers import AutoConfig

    ignored = {*NOT_IDENTITY, "bos_token_id", "eos_token_id", "pad_token_id"}
    theirs, ours = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict(), model.config.to_dict()
    for key in sorted((theirs.keys() | ours.keys()) - ignored):
        if (given := theirs.get(key)) != (own := ours.get(key)):
            raise ValueError(
                f"{folder}: {key} is {given}, of the model that is measured {own}; only weights can be swapped"
            )


def _check_tied(path: str, name: str, tensor: "torch.Tensor", parameter: "torch.Tensor") -> None:
    """Raises ValueError where two tensors of a file are one in the model, and differ."""
    if not bool((tensor.to(parameter.device, parameter.dtype) == parameter.data).all()):
        raise ValueError(
            f"{path}: {name} differs from another tensor to which the model ties it; such weights cannot be swapped"
        )


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
        found = _of_variant(path, manifest) if Path(path).name == "variant.json" else _of_checkpoint(path, manifest)
        yield Swap({"side": "top", "edit": "swap", "target": name}, *found)


def _of_variant(path: str, manifest: Manifest) -> tuple[list[str], None]:
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {document.get('format', 'no format')}")
    if document["base_hash"] != manifest.hash:
        raise ValueError(
            f"{path}: a variant of model {document['base']} ({document['base_hash']}), not of {manifest.name} ({manifest.hash})"
        )
    return [os.fspath(Path(path).with_name(TENSORS))], None


def _of_checkpoint(path: str, manifest: Manifest) -> tuple[list[str], str]:
    other = Manifest.read(path)
    if (other.model_type, other.vocabulary_size) != (manifest.model_type, manifest.vocabulary_size):
        raise ValueError(
            f"{path}: a {other.model_type} of {other.vocabulary_size} words cannot stand in the place of {manifest.name}, a "
            f"{manifest.model_type} of {manifest.vocabulary_size}"
        )
    return [os.fspath(file) for file in weight_files(Path(other.path), other.name)], other.path


def write_variant(model: "torch.nn.Module", base: Manifest, folder: str | os.PathLike, recipe: Mapping) -> int:
    """Keep what of a model differs from its base checkpoint, as a variant; gives the number of tensors.

    Tensors have the type in which the base is loaded: what is measured under the swap is the trained model rounded to it.
    ``recipe``: how it was made, with its provenance.
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
