"""Clamps: neurons whose activation is held at a value while text runs through the model. The weights are not touched.

Silencing holds a language's neurons at 0; steering holds one language's neurons at 0 and another's at their mean. Random
clamps are the controls: as many neurons of every layer, or as many that are also about as often active.

File (JSON, ``langatlas.clamps/1``): ``model``, ``model_hash``, ``provenance`` and ``clamps``, a list of ``columns`` (what
stands in the rows of a measurement), ``reading`` (gate or product) and ``layers``: layer -> neurons and values. No torch here but
where clamps are in force: jobs without a model write these files.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np

from langatlas.files import atomic
from langatlas.provenance import check_made_from

FORMAT = "langatlas.clamps/1"
NEAREST = 10  # a control is drawn from so many neurons of nearest activation probability


@dataclass(frozen=True)
class Clamp:
    """Neurons held together. ``layers``: layer -> (indices, values); ``columns`` describe it in rows of a measurement."""

    columns: dict[str, str | int | float | None]
    reading: str
    layers: dict[int, tuple[list[int], list[float]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return sum(len(indices) for indices, _ in self.layers.values())


def clamp_of(columns: Mapping, reading: str, mask_LF: np.ndarray, values_LF: np.ndarray | float = 0.0) -> Clamp:
    """Hold the neurons of a mask at ``values_LF`` (or one value for all)."""
    values_LF = np.broadcast_to(values_LF, mask_LF.shape)
    layers = {
        int(layer): (np.flatnonzero(row).tolist(), values_LF[layer][row].tolist())
        for layer, row in enumerate(mask_LF)
        if row.any()
    }
    return Clamp(dict(columns), reading, layers)


def random_mask(mask_LF: np.ndarray, seed: int) -> np.ndarray:
    """As many neurons of every layer as the mask has, none of them in it. Raises ValueError where there are too few others."""
    generator, drawn_LF = np.random.default_rng(seed), np.zeros_like(mask_LF)
    for layer, row in enumerate(mask_LF):
        drawn_LF[layer, generator.choice(_others(row, layer), int(row.sum()), replace=False)] = True
    return drawn_LF


def frequency_matched_mask(mask_LF: np.ndarray, probability_LF: np.ndarray, seed: int) -> np.ndarray:
    """The same, and for each neuron one of the NEAREST others of its layer by activation probability, none taken twice."""
    generator, drawn_LF = np.random.default_rng(seed), np.zeros_like(mask_LF)
    for layer, row in enumerate(mask_LF):
        others = _others(row, layer)
        for neuron in generator.permutation(np.flatnonzero(row)):
            distance = np.abs(probability_LF[layer, others] - probability_LF[layer, neuron])
            nearest = np.argsort(distance, kind="stable")[:NEAREST]
            place = generator.choice(nearest)
            drawn_LF[layer, others[place]] = True
            others = np.delete(others, place)
    return drawn_LF


def _others(row_F: np.ndarray, layer: int) -> np.ndarray:
    others = np.flatnonzero(~row_F)
    if len(others) < row_F.sum():
        raise ValueError(
            f"layer {layer} has {int(row_F.sum())} chosen neurons and only {len(others)} others to draw a control from"
        )
    return others


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


def write_clamps(
    clamps: Sequence[Clamp], path: str | os.PathLike, *, model: str, model_hash: str, metadata: dict
) -> None:
    """Write the clamps of one model; ``metadata`` is the provenance."""
    document = {"format": FORMAT, "model": model, "model_hash": model_hash, "provenance": metadata}
    document["clamps"] = [asdict(clamp) for clamp in clamps]
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


def read_clamps(path: str | os.PathLike, model_hash: str) -> list[Clamp]:
    """Read clamps; raises ValueError where the file is none or was made for another model."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: not readable as JSON ({error}); delete it and run again") from None
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {document.get('format', 'no format')}")
    check_made_from(path, "clamps", document, model_hash)
    return [
        Clamp(made["columns"], made["reading"], {int(layer): tuple(held) for layer, held in made["layers"].items()})
        for made in document["clamps"]
    ]
