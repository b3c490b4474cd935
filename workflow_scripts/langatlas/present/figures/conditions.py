"""Conditions of a translation experiment: the look of each in every figure, and what was counted while a model wrote in it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from langatlas.activation_files import ActivationFile

LINES = ("-", "--", ":")  # of the conditions after the colours are used up
Counted = dict[str, tuple[np.ndarray, int]]


def styles(conditions: Iterable[str]) -> dict[str, dict]:
    """Colour and line of each condition, the same in every figure of an experiment."""
    colours = [f"C{number}" for number in range(7)]
    return {
        name: {"color": colours[place % 7], "linestyle": LINES[place // 7 % len(LINES)]}
        for place, name in enumerate(conditions)
    }


def read_counts(folder: str) -> Counted:
    """``ActivationFile.writing_counts`` of the unchanged model: activations (L, F) and passes, by condition."""
    return {path.stem: ActivationFile(path).writing_counts() for path in Path(folder, "base").glob("*.safetensors")}
