"""Clamps: neurons whose activation is held at a value while text runs through the model. The weights are not touched.

Ablation holds a language's neurons at 0; steering holds one language's neurons at 0 and another's at their mean.

torch is imported where clamps are in force: jobs without a model choose them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from langatlas.intervene.index import Columns


@dataclass(frozen=True)
class Clamp:
    """Neurons held together. ``layers``: layer -> (indices, values); ``columns`` describe it in rows of a measurement."""

    kind: ClassVar[str] = "clamp"
    columns: Columns
    reading: str
    layers: dict[int, tuple[list[int], list[float]]] = field(default_factory=dict)
    measured: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Columns, payload: Mapping, measured: Sequence[str] | None) -> "Clamp":
        """What ``payload`` gave."""
        layers = {int(layer): tuple(held) for layer, held in payload["layers"].items()}
        return cls(columns, payload["reading"], layers, measured)

    def payload(self) -> dict:
        """Neurons and values by layer, and where they are held."""
        return {"reading": self.reading, "layers": self.layers}

    def applied(self, model):
        """See ``clamped``."""
        return clamped(model, self)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return sum(len(indices) for indices, _ in self.layers.values())


def clamp_of(
    columns: Mapping,
    reading: str,
    mask_LF: np.ndarray,
    values_LF: np.ndarray | float = 0.0,
    measured: Sequence[str] | None = None,
) -> Clamp:
    """Hold the neurons of a mask at ``values_LF`` (or one value for all)."""
    values_LF = np.broadcast_to(values_LF, mask_LF.shape)
    layers = {
        int(layer): (np.flatnonzero(row).tolist(), values_LF[layer][row].tolist())
        for layer, row in enumerate(mask_LF)
        if row.any()
    }
    return Clamp(dict(columns), reading, layers, measured)


@contextmanager
def clamped(model, clamp: Clamp) -> Iterator[int]:
    """Hold the neurons at every position while inside. Yields how many there are.

    Raises ValueError for a layer or neuron that the model lacks. Hooks are gone on exit, whatever happens.
    """
    import torch

    from langatlas.models.neurons import hooked, n_neurons

    layers, width = n_neurons(model)
    device = next(model.parameters()).device

    def hold(indices: list[int], values: list[float]):
        places, wanted = torch.tensor(indices, device=device), torch.tensor(values, device=device)

        def look(activation):
            held = activation.clone()
            held[..., places] = wanted.to(activation.dtype)
            return held

        return look

    for layer, (indices, _) in clamp.layers.items():
        if not (0 <= layer < layers and all(0 <= index < width for index in indices)):
            raise ValueError(f"the model has {layers} layers of {width} neurons; a clamp names others in layer {layer}")
    with hooked(model, clamp.reading, {layer: hold(*held) for layer, held in clamp.layers.items()}):
        yield clamp.size
