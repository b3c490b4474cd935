"""Ablation: the neurons of a language are held at 0, and random ones beside them as controls. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from langatlas.activation_files import ActivationFile, open_together
from langatlas.intervene.clamps import Clamp, clamp_of
from langatlas.locate.neuron_controls import frequency_matched_mask, random_mask
from langatlas.neuron_files import BY_FREQUENCY, NeuronSet, check_model, read_neurons

if TYPE_CHECKING:
    from langatlas.models.checkpoint import Manifest

CONTROLS = ("layer", "frequency")


def choose(entry: Mapping, files: Mapping[str, Sequence[str]], manifest: "Manifest") -> Iterator[Clamp]:
    """Clamps of every method's neurons of the languages ``entry["of"]``, in the order of ``files["activations"]``."""
    opened = open_together(files["activations"], manifest.hash)
    activations = dict(zip(entry["of"], opened, strict=True))
    for path in files["neurons"]:
        found = read_neurons(path)
        check_model(found, path, manifest.hash)
        yield from silencing(found, activations, **{key: entry[key] for key in ("sides", "controls", "seeds")})


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
