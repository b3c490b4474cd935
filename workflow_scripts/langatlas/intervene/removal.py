"""Take a region away: its parameters are zero inside a context, and back bit for bit after it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.provenance import check_made_from
from langatlas.region import Region


def check_region(region: Region, model: torch.nn.Module, model_hash: str) -> None:
    """Raises ValueError when the region was found in another model than this one."""
    check_made_from(region.path, "a region", region.metadata, model_hash)
    parameters = dict(model.named_parameters())
    for name in region.names:
        if name not in parameters or tuple(parameters[name].shape) != region.shape(name):
            raise ValueError(f"{region.path}: the model has no parameter {name} of shape {region.shape(name)}")


@contextmanager
def zeroed(model: torch.nn.Module, region: Region | None, *, include_norms: bool = False) -> Iterator[int]:
    """Set the region's parameters to zero in place; restore the very same values on exit. Yields how many were zeroed.

    ``region`` None changes nothing (the base). Norm vectors are selected by regions but, as published, left alone
    unless ``include_norms``. Only the removed values are kept, not a copy of the model.
    """
    saved: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    try:
        if region is not None:
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


def fingerprint(model: torch.nn.Module) -> int:
    """A number that changes when any bit of any parameter does (a position-weighted sum of all bits; not cryptographic)."""
    words = {4: torch.int32, 2: torch.int16}
    total = 0
    for index, parameter in enumerate(model.parameters()):
        bits = parameter.data.reshape(-1).view(words[parameter.element_size()]).long()
        weights = torch.arange(bits.numel(), device=bits.device).remainder_(65521).add_(1)  # none of them 0
        total = (total * 31 + int((bits * weights).sum()) + index) % (1 << 61)
    return total


def open_regions(paths: list[str], model: torch.nn.Module, model_hash: str) -> list[Region]:
    """Open region files and check each against the model before anything is computed."""
    regions = [Region.open(os.fspath(path)) for path in paths]
    for region in regions:
        check_region(region, model, model_hash)
    return regions
