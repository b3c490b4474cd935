"""Where the neurons of a model are read and written: one per intermediate feature of a feed-forward layer.

Two readings of a neuron's activation:

- ``gate``: act(gate), what LAPE (Tang et al. 2024, arXiv 2402.16438) counts;
- ``product``: what the down projection sees, act(gate) * up.

Families whose feed-forward layer has no gate (BLOOM, OPT, GPT-2, GPT-NeoX, Phi) have one activation, act(up), for both.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from langatlas.models.adapters import adapter_for

READINGS = ("gate", "product")


@dataclass(frozen=True)
class Site:
    """Where the neurons of one layer are: the output of ``module`` or (``is_input``) what it is given."""

    module: torch.nn.Module
    is_input: bool


def sites(model: torch.nn.Module, reading: str) -> list[Site]:
    """The site of each layer. Raises ValueError for an unknown reading, or where layers share a module."""
    if reading not in READINGS:
        raise ValueError(f"reading must be one of {', '.join(READINGS)}, got {reading!r}")
    adapter = adapter_for(model.config.model_type)
    is_input = reading == "product" or adapter.activation is None
    name = adapter.module_name("mlp.down") if is_input else adapter.activation
    found = [Site(block.get_submodule(name), is_input) for block in model.get_submodule(adapter.blocks)]
    if len({id(site.module) for site in found}) < len(found):
        raise ValueError(f"layers of this {model.config.model_type} share one {name}, so they cannot be told apart")
    return found


def n_neurons(model: torch.nn.Module) -> tuple[int, int]:
    """Number of layers, and of neurons in each."""
    adapter = adapter_for(model.config.model_type)
    blocks = model.get_submodule(adapter.blocks)
    weight = blocks[0].get_submodule(adapter.module_name("mlp.down")).weight
    return len(blocks), weight.shape[0 if adapter.transposed else 1]


@contextmanager
def hooked(
    model: torch.nn.Module, reading: str, hooks: Mapping[int, Callable[[torch.Tensor], torch.Tensor | None]]
) -> Iterator[None]:
    """While inside, call ``hooks[layer]`` with each activation (..., F) of that layer; what it returns, if anything, goes on
    in its place. All hooks are gone on exit, whatever happens.
    """
    handles = []
    try:
        for layer, site in enumerate(sites(model, reading)):
            if layer not in hooks:
                continue
            look = hooks[layer]
            if site.is_input:
                handles.append(site.module.register_forward_pre_hook(_before(look)))
            else:
                handles.append(site.module.register_forward_hook(_after(look)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _before(look: Callable):
    def hook(module, inputs):
        changed = look(inputs[0])
        return None if changed is None else (changed, *inputs[1:])

    return hook


def _after(look: Callable):
    def hook(module, inputs, output):
        return look(output)

    return hook
