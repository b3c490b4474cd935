"""The published folders of parameters: ``{parameter name}.pt``, bf16 importances or bool masks, to and from our files."""

import json
import os
from pathlib import Path

import numpy as np
import torch

from langatlas.files import atomic
from langatlas.interchange.saved import load_saved
from langatlas.locate.importance_files import FORMAT
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.models.checkpoint import Manifest, empty
from langatlas.provenance import collect
from langatlas.region import Region, RegionWriter
from langatlas.region_names import imported
from langatlas.tensorfile import TensorFile, TensorWriter


def model_shapes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's parameters in their order; no weights are read."""
    return {name: tuple(p.shape) for name, p in empty(manifest).named_parameters()}


def load_tensor(folder: str | os.PathLike, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """One tensor of a folder. Raises ValueError where it is missing or has another shape."""
    path = Path(folder) / f"{name}.pt"
    if not path.exists():
        raise ValueError(f"{path}: missing; the folder must hold one file a parameter of the model")
    tensor = load_saved(path)
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{path}: shape {tuple(tensor.shape)}, but the model's is {shape}: is it another model's?")
    return tensor


def importance_from_folder(
    folder: str, output: str, manifest: Manifest, *, language: str, samples: int, tokens: int = 0
) -> None:
    """A folder of signed importances (any dtype) -> an importance file in fp32. ``tokens``: 0 where it is not known."""
    shapes = model_shapes(manifest)
    described = {
        "model": manifest.name,
        "model_hash": manifest.hash,
        "revision": manifest.revision,
        "language": language,
    }
    counted = {"samples": str(samples), "tokens": str(tokens), "nll_nats": "nan"}  # not said there
    settings = {"reduction": "published", "precision": "bfloat16", "tokenizer": "", "imported_from": str(folder)}
    metadata = collect("interchange") | described | counted | settings | {"format": FORMAT}
    with TensorWriter(output, {name: ("F32", shape) for name, shape in shapes.items()}, metadata) as writer:
        for name, shape in shapes.items():
            writer.write(name, load_tensor(folder, name, shape).float().numpy())


def importance_to_folder(path: str, folder: str) -> None:
    """An importance file -> a folder of bf16 tensors; values lose all but 8 bits of their mantissa, as released."""
    file = TensorFile(path, FORMAT)
    for name in file.names:
        _save(torch.from_numpy(np.array(file[name])).to(torch.bfloat16), folder, name)


def region_from_folder(
    folder: str,
    output: str,
    manifest: Manifest,
    *,
    region: str,
    side: str,
    ratio: str,
    samples: int,
    languages: list[str],
) -> None:
    """A folder of bool masks of all block parameters -> a region file (scope matrix).

    ``region`` as ours are called: ``core`` or ``monolingual-ru``; ``side``: top, bottom or random-SEED.
    """
    adapter = adapter_for(manifest.model_type)
    shapes = {n: shape for n, shape in model_shapes(manifest).items() if locate_parameter(n, adapter)}
    seed = side.removeprefix("random-") if side.startswith("random-") else ""
    described = {"model": manifest.name, "model_hash": manifest.hash, **manifest.family, "seed": seed}
    described |= {"region": region, "region_language": imported(region).language, "side": side, "ratio": ratio}
    described |= {
        "scope": "matrix",
        "samples": str(samples),
        "languages": json.dumps(languages),
        "imported_from": str(folder),
    }
    with RegionWriter(output, shapes, collect("interchange") | described) as writer:
        for name, shape in shapes.items():
            mask = load_tensor(folder, name, shape)
            if mask.dtype != torch.bool:
                raise ValueError(f"{folder}/{name}.pt: masks are of dtype bool, this is {mask.dtype}")
            writer.write_mask(name, mask.numpy())


def region_to_folder(path: str, folder: str) -> None:
    """A region file -> a folder of bool masks."""
    region = Region.open(path)
    for name in region.names:
        _save(torch.from_numpy(region.mask(name).copy()), folder, name)


def _save(tensor: torch.Tensor, folder: str, name: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    with atomic(Path(folder) / f"{name}.pt") as path:
        torch.save(tensor, path)
