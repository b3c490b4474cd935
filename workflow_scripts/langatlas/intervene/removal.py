"""Take a region away: its parameters are zero inside a context, and back bit for bit after it.

torch is imported where it is used: jobs without a model choose what is removed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from langatlas.intervene.index import Columns
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.provenance import check_made_from
from langatlas.region import Region

if TYPE_CHECKING:
    import torch

    from langatlas.models.checkpoint import Manifest


@dataclass(frozen=True)
class Removal:
    """All parameters of a region file are set to zero. Norm vectors are left alone unless ``include_norms`` (published: left)."""

    kind: ClassVar[str] = "removal"
    columns: Columns
    path: str
    model_hash: str
    include_norms: bool = False
    measured: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Columns, payload: Mapping, measured: Sequence[str] | None) -> "Removal":
        """What ``payload`` gave."""
        return cls(columns, payload["region"], payload["model_hash"], payload["include_norms"], measured)

    def payload(self) -> dict:
        """The region by its path, and the hash of the model that it must be of."""
        return {"region": self.path, "model_hash": self.model_hash, "include_norms": self.include_norms}

    @contextmanager
    def applied(self, model: "torch.nn.Module") -> Iterator[int]:
        """Yields how many parameters are zero. Raises ValueError for a region of another model."""
        region = Region.open(self.path)
        check_region(region, model, self.model_hash)
        with zeroed(model, region, include_norms=self.include_norms) as count:
            yield count


def choose(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Removal]:
    """The removal of every region file, in their order. Raises ValueError for a region of another model."""
    for path in files["regions"]:
        region = Region.open(path)
        check_made_from(path, "a region", region.metadata, manifest.hash)
        yield Removal(columns_of(region), os.fspath(path), manifest.hash, entry["include_norms"])


def columns_of(region: Region) -> Columns:
    """What stands in rows of its removal."""
    found = region.metadata
    return {
        "region": found["region"],
        "region_language": found.get("region_language") or None,
        "scope": found["scope"],
        "samples": int(found["samples"]),
        "side": found["side"].split("-")[0],
        "seed": int(found["seed"]) if found["seed"] else None,
        "ratio": float(found["ratio"]),
        "edit": "remove",
        "setting": found.get("setting"),
    }


def check_region(region: Region, model: "torch.nn.Module", model_hash: str) -> None:
    """Raises ValueError when the region was found in another model than this one."""
    check_made_from(region.path, "a region", region.metadata, model_hash)
    parameters = dict(model.named_parameters())
    for name in region.names:
        if name not in parameters or tuple(parameters[name].shape) != region.shape(name):
            raise ValueError(f"{region.path}: the model has no parameter {name} of shape {region.shape(name)}")


@contextmanager
def zeroed(model: "torch.nn.Module", region: Region, *, include_norms: bool = False) -> Iterator[int]:
    """Set the region's parameters to zero in place; restore the very same values on exit. Yields how many were zeroed.

    Only the removed values are kept, not a copy of the model.
    """
    import torch

    saved: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    try:
        adapter = adapter_for(model.config.model_type)
        parameters = dict(model.named_parameters())
        for name in region.names:
            if locate_parameter(name, adapter).is_norm and not include_norms:
                continue
            values = parameters[name].data
            places = torch.from_numpy(region.mask(name).reshape(-1)).to(values.device).nonzero().squeeze(1)
            flat = values.view(-1)
            saved.append((flat, places, flat[places]))
            flat[places] = 0
        yield sum(len(places) for _, places, _ in saved)
    finally:
        for flat, places, original in saved:
            flat[places] = original


def open_regions(paths: Sequence[str], model: "torch.nn.Module", model_hash: str) -> list[Region]:
    """Open region files and check each against the model before anything is computed."""
    regions = [Region.open(os.fspath(path)) for path in paths]
    for region in regions:
        check_region(region, model, model_hash)
    return regions
