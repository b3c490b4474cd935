"""Which clamps an experiment makes of neuron sets: silencing with its controls, steering from one language to another."""

from collections.abc import Iterator, Sequence

import numpy as np

from langatlas.activation_files import ActivationFile
from langatlas.intervene.neurons import Clamp, clamp_of, frequency_matched_mask, random_mask
from langatlas.locate.neuron_files import NeuronSet

BY_FREQUENCY = "matched in activation frequency"
CONTROLS = ("layer", "frequency")


def silencing(
    found: NeuronSet,
    activations: dict[str, ActivationFile],
    *,
    sides: Sequence[str],
    controls: Sequence[str],
    seeds: Sequence[int],
) -> Iterator[Clamp]:
    """For each language of ``activations`` its neurons held at 0, and random ones beside them.

    Rows: region METHOD-LANGUAGE (bottom: METHOD-bottom-LANGUAGE), edit ``silence``, setting the reading (for random ones
    of the same frequency with BY_FREQUENCY behind it), lines the number of neurons, ratio their share. A language without
    neurons has no clamp. Frequency: the activation probability in the language itself.
    """
    for language, activation in activations.items():
        for side in [side for side in sides if side == "top" or found.method == "precision"]:
            mask_LF = found.mask(language, side)
            if not mask_LF.any():
                continue
            columns = _columns(found, language, side, activation.metadata["reading"], mask_LF)
            reading = activation.metadata["reading"]
            yield clamp_of(columns, reading, mask_LF)
            for seed in seeds if "layer" in controls else ():
                yield clamp_of(columns | {"side": "random", "seed": seed}, reading, random_mask(mask_LF, seed))
            for seed in seeds if "frequency" in controls else ():
                drawn_LF = frequency_matched_mask(mask_LF, activation.probability(), seed)
                changed = {"side": "random", "seed": seed, "setting": f"{reading}, {BY_FREQUENCY}"}
                yield clamp_of(columns | changed, reading, drawn_LF)


def _columns(found: NeuronSet, language: str, side: str, reading: str, mask_LF: np.ndarray) -> dict:
    name = f"{found.method}-{language}" if side == "top" else f"{found.method}-{side}-{language}"
    return {
        "region": name,
        "region_language": language,
        "side": side,
        "ratio": float(mask_LF.mean()),
        "edit": "silence",
        "setting": reading,
        "lines": int(mask_LF.sum()),
    }


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
