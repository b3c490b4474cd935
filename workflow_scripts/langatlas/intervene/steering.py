"""Steering: the neurons of one language are held at 0 and those of another at their mean activation. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from langatlas.activation_files import ActivationFile, open_together
from langatlas.intervene.clamps import Clamp, clamp_of
from langatlas.locate.neuron_controls import random_mask
from langatlas.neuron_files import NeuronSet, check_model, read_neurons

if TYPE_CHECKING:
    from langatlas.models.checkpoint import Manifest


def choose(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Clamp]:
    """Clamps of every pair, measured on the language that it leads away from, or on all (``entry["measured"]``)."""
    (path,) = files["neurons"]
    found = read_neurons(path)
    check_model(found, path, manifest.hash)
    opened = open_together(files["activations"], manifest.hash)
    activations = dict(zip(entry["languages"], opened, strict=True))
    for clamp in steering(found, activations, [tuple(pair) for pair in entry["pairs"]], entry["seed"]):
        columns = dict(clamp.columns) | {"method": found.method}
        measured = [columns["region_language"]] if entry["measured"] == "source" else None
        yield replace(clamp, columns=columns, measured=measured)


def steering(
    found: NeuronSet, activations: dict[str, ActivationFile], pairs: Sequence[tuple[str, str]], seed: int
) -> Iterator[Clamp]:
    """For each (source, target): the source's neurons at 0 and the target's at their mean activation in the target language;
    then each half alone; then, as the control, random neurons of the same layers in both parts, held at the same values.

    A neuron of both languages is held at the target's mean. Rows: edit ``steer``, setting the part (both, silence, mean), target
    the target language, region_language the source, side top or random.
    """
    for source, target in pairs:
        activation = activations[target]
        mean_LF = activation.mean()
        target_LF = found.mask(target)
        source_LF = found.mask(source) & ~target_LF
        reading = activation.metadata["reading"]
        columns = {"region": f"{found.method}-{source}", "region_language": source, "side": "top", "edit": "steer"}
        columns |= {"target": target, "lines": int((source_LF | target_LF).sum())}
        values_LF = np.where(target_LF, mean_LF, 0.0)
        yield clamp_of(columns | {"setting": "both"}, reading, source_LF | target_LF, values_LF)
        yield clamp_of(columns | {"setting": "silence", "lines": int(source_LF.sum())}, reading, source_LF)
        mean_only = {"setting": "mean", "lines": int(target_LF.sum())}
        yield clamp_of(columns | mean_only, reading, target_LF, mean_LF)
        mask_LF, held_LF = _shuffled(source_LF | target_LF, values_LF, seed)
        control = columns | {"setting": "both", "side": "random", "seed": seed}
        yield clamp_of(control, reading, mask_LF, held_LF)


def _shuffled(mask_LF: np.ndarray, values_LF: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As many other neurons of every layer, held at the same values in random order."""
    drawn_LF, held_LF = random_mask(mask_LF, seed), np.zeros_like(values_LF)
    generator = np.random.default_rng(seed)
    for layer, row in enumerate(mask_LF):
        held_LF[layer, drawn_LF[layer]] = generator.permutation(values_LF[layer, row])
    return drawn_LF, held_LF
