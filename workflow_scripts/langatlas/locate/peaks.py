"""Which neurons are active most often while a model writes (Mu et al. 2024): how their counts fall, and in which layers they lie.

Axes: L layers, F neurons of a layer, K neurons that are kept.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from langatlas.locate.activation_files import ActivationFile

WRITING = ("last_prompt", "generated")
"""Classes whose tokens are the last positions of the forward passes: what the published files count."""


def writing_counts(file: ActivationFile) -> tuple[np.ndarray, int]:
    """How often each neuron was above 0 at the last position of a forward pass (L, F), and how many passes there were."""
    if "published" in file.tokens:  # imported
        return file["published.positive"], file.tokens["published"]
    return sum(file[f"{name}.positive"] for name in WRITING), sum(file.tokens[name] for name in WRITING)


def writing_counts_by_condition(
    folder: Path, conditions: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """``writing_counts`` of the files of a translation, one a condition: counts (L, F) and passes by condition."""
    found = {name: writing_counts(ActivationFile(folder / f"{name}.safetensors")) for name in conditions}
    return {name: counts for name, (counts, _) in found.items()}, {name: passes for name, (_, passes) in found.items()}


def peaks(counts_LF: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The ``share`` of the neurons (rounded down) with the largest counts: counts in falling order (K), neurons by layer (L).

    Ties go to the lower layer, then to the lower neuron. Neurons that are never active are left out, so that fewer may remain.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of the neurons must be in (0, 1], got {share}")
    flat = counts_LF.ravel()
    kept = np.argsort(-flat, kind="stable")[: int(share * flat.size)]
    kept = kept[flat[kept] > 0]
    return flat[kept], np.bincount(kept // counts_LF.shape[1], minlength=len(counts_LF))


def pooled(values_LF: np.ndarray, columns: int) -> np.ndarray:
    """Means over blocks of neighbouring neurons, at most ``columns`` of them; the values themselves where they are fewer."""
    width = values_LF.shape[1]
    if width <= columns:
        return values_LF
    starts = np.linspace(0, width, columns, endpoint=False).astype(int)
    return np.add.reduceat(values_LF, starts, axis=1) / np.diff([*starts, width])
