"""The released files of Mu et al. (2024): neurons counted at the last position of every forward pass, as JSON lines.

Proportions: a line a pass, ``{"0": [eq, le], ...}``: the shares of a layer's neurons at 0, and at or below 0. Index: one line,
``{"0": [count of neuron 0, ...], ...}``: in how many passes each is above 0 (a running sum over all prompts). Keys are layers.
Results: a line a prompt, prompt and text together, line breaks written as ``\\n``.

Axes: P passes, L layers, F neurons of a layer.
"""

import json
import os
from collections.abc import Iterator

import numpy as np

from langatlas.activation_files import ActivationFile, Activations
from langatlas.files import atomic
from langatlas.json_lines import records
from langatlas.provenance import collect
from langatlas.translation_rows import by_pass, read_rows

SUFFIXES = ("-proportion.jsonl", "-index.jsonl", "-result.txt")


def passes_to_files(rows: str | os.PathLike, activations: str | os.PathLike, condition: str, prefix: str) -> None:
    """One condition of our translations -> ``PREFIX-proportion.jsonl``, ``PREFIX-index.jsonl`` and ``PREFIX-result.txt``.

    Raises ValueError where the rows have no such condition, or the statistics are not of the same passes.
    """
    found = read_rows(rows)
    part = found[found["condition"] == condition].sort_values("item_number")
    if part.empty:
        raise ValueError(f"{rows}: no condition {condition!r}; it has {', '.join(found['condition'].unique())}")
    zero, inhibited = (
        np.concatenate([by_pass(values, part["layers"].iloc[0]) for values in part[name]])
        for name in ("zero", "inhibited")
    )
    counts_LF, passes = ActivationFile(activations).writing_counts()
    if passes != len(zero):
        raise ValueError(f"{activations}: {passes} passes, but {len(zero)} in {rows}: is it another condition's?")
    neurons = int(part["neurons"].iloc[0])
    lines = (prompt + text for prompt, text in zip(part["prompt"], part["text"], strict=True))
    proportions = [_by_layer(np.stack(pair, 1) / neurons) for pair in zip(zero, inhibited, strict=True)]
    contents = (proportions, [_by_layer(counts_LF)], (line.replace("\n", "\\n") for line in lines))
    for suffix, content in zip(SUFFIXES, contents, strict=True):
        with atomic(f"{prefix}{suffix}") as path:
            path.write_text("".join(f"{line}\n" for line in content), encoding="utf-8")


def index_from_file(
    index: str | os.PathLike, proportions: str | os.PathLike, output: str | os.PathLike, model: str
) -> None:
    """A released index and the proportions of the same run -> a file of activation statistics with the class ``published``.

    Raises ValueError where the two are not of the same passes: a neuron would be active more often than there were any.
    """
    counts_LF, (zero_PL, _) = read_index(index), read_proportions(proportions)
    if counts_LF.max() > len(zero_PL) or len(counts_LF) != zero_PL.shape[1]:
        raise ValueError(
            f"{index}: {len(counts_LF)} layers, counts up to {counts_LF.max()}; {proportions}: {zero_PL.shape[1]} layers, "
            f"{len(zero_PL)} passes"
        )
    metadata = collect("interchange", imported_from=os.fspath(index)) | {"model": model, "reading": "gate"}
    Activations({"published.positive": counts_LF}, {"published": len(zero_PL)}, []).write(output, metadata)


def read_proportions(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Shares of neurons at 0, and at or below 0, of each pass and layer: two arrays (P, L).

    Raises ValueError where a line is none, or has other layers than the first.
    """
    shares = np.array(list(_lines(path)), np.float64)
    if shares.ndim != 3 or shares.shape[2] != 2 or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"{path}: expected pairs of shares from 0 to 1 for every layer in every line")
    return shares[..., 0], shares[..., 1]


def read_index(path: str | os.PathLike) -> np.ndarray:
    """Counts of every neuron (L, F); several lines (a run that was not merged) are added."""
    return sum(np.array(line, np.int64) for line in _lines(path))


def _by_layer(values_L) -> str:
    return json.dumps({str(layer): values.tolist() for layer, values in enumerate(values_L)})


def _lines(path: str | os.PathLike) -> Iterator[list]:
    """Every line's values in the order of its layers, which must be 0, 1, ... without a gap, as many as in the first."""
    layers = None
    for place, values in records(path):
        try:
            found = [values[str(layer)] for layer in range(len(values))]
            sizes = {len(each) for each in found}
        except (KeyError, TypeError):
            raise ValueError(f"{place}: expected an object with the keys 0, 1, ..., a list each") from None
        if len(sizes) != 1 or (layers is not None and len(found) != layers):
            raise ValueError(f"{place}: layers of different sizes, or another number of them")
        layers = len(found)
        yield found
    if layers is None:
        raise ValueError(f"{path}: no lines")
