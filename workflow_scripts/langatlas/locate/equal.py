"""Sets of equal size from regions and from neurons, so that what their removal does can be compared.

A monolingual region has some tens of thousands of scattered parameters, a language's neurons have whole lines of feed-forward
matrices, and each method of choosing neurons takes another number. Here every method's set of a language is cut to the same
number of parameters. The unit is a neuron: n = floor(share * the smallest set, in neurons), at least 1; a region becomes
n * (parameters of a neuron). Larger sets lose what their own score likes least:

* neurons by LAPE keep those of lowest entropy, by average precision those of highest (ties as they were chosen);
* a region (``importance``) keeps the same part of it in every matrix, there the parameters of highest importance, for it was
  chosen within matrices too. Parts of a parameter go to the matrices that are owed most of one. Norms are left out, as they are
  in removals.

Random controls: for neurons as many others of every layer, for regions as many parameters of every matrix.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache

import numpy as np

from langatlas.locate import neuron_controls
from langatlas.locate.importance_files import FORMAT as IMPORTANCE
from langatlas.locate.neuron_lines import check_same_model, line_mask, neuron_parts, parameters_of_a_neuron
from langatlas.locate.regions import inherited, random_mask, side_of
from langatlas.models.adapters import Part
from langatlas.neuron_files import NeuronSet, check_model
from langatlas.region import EQUAL, SHARE, Region, RegionWriter
from langatlas.tensorfile import TensorFile

BY_IMPORTANCE = "importance"
LOW_IS_GOOD = ("lape",)  # scores of which the smallest are the best
Plan = Mapping[tuple[str, str, str], str]  # (method, side, share as in the config) -> path of the region file
Chooser = Callable[[Part], np.ndarray]  # part -> mask, or places in it, in the order as stored


def name_of(method: str, language: str) -> str:
    """Name of such a region."""
    return f"{method}{EQUAL}{language}"


def best_first(found: NeuronSet, language: str) -> np.ndarray:
    """Layer and neuron (n, 2) of a language's neurons, the best by their score first."""
    rows = found.of(language)
    return rows.sort_values("score", ascending=found.method in LOW_IS_GOOD, kind="stable")[
        ["layer", "neuron"]
    ].to_numpy()


def neurons_at(share: float, available: int) -> int:
    """How many neurons a share of the smallest set is: at least one where there is any."""
    return min(available, max(1, int(share * available + 1e-9)))


def apportioned(sizes: Sequence[int], total: int) -> np.ndarray:
    """``total`` dealt out in proportion to sizes (largest remainders, ties in order): integers, none above its size."""
    sizes = np.asarray(sizes, np.int64)
    if not 0 <= total <= sizes.sum():
        raise ValueError(f"cannot take {total} of {sizes.sum()} parameters")
    whole, rest = np.divmod(sizes * total, max(1, sizes.sum()))
    dealt = np.argsort(-rest, kind="stable")[: total - whole.sum()]
    whole[dealt] += 1
    return whole


def select_equal(
    region: str,
    importance: str,
    sets: Mapping[str, NeuronSet],
    plan: Plan,
    *,
    language: str,
    metadata: Mapping[str, str],
) -> None:
    """Write all regions of one language: (method, side, share) -> path, one pass over region and importance.

    ``region``: the language's monolingual region; ``importance``: that by which it was chosen; ``sets``: path -> neurons.
    Where a method has nothing for the language, all of its regions are empty. Raises ValueError where files are of different
    models.
    """
    mine, scores = Region.open(region), TensorFile(importance, IMPORTANCE)
    check_same_model(scores, mine)
    for path, found in sets.items():
        check_model(found, path, mine.metadata["model_hash"])
    orders = {found.method: best_first(found, language) for found in sets.values()}
    parts = [part for part in mine.parts() if not part.is_norm]
    each, sizes = parameters_of_a_neuron(parts), [mine.part_count(part) for part in parts]
    available = min(sum(sizes) // each, *map(len, orders.values()))
    shapes = {name: mine.shape(name) for name in mine.names}
    common = inherited(mine) | {"region_language": language, "languages": json.dumps([language]), **metadata}
    total, ranked = sum(part.size for part in parts), _ranked(mine, scores)
    with ExitStack() as stack:
        writers, choosers = {}, {}
        for (method, side, share), path in plan.items():
            n = neurons_at(float(share), available)
            own = {"region": name_of(method, language), "setting": f"{SHARE}{share}", "ratio": repr(n * each / total)}
            own |= {**side_of(side), "n_neurons": str(n), "n_selected": str(n * each)}
            writers[path] = stack.enter_context(RegionWriter(path, shapes, common | own))
            if method == BY_IMPORTANCE:
                counts = apportioned(sizes, n * each).tolist()
                choosers[path] = _of_region(ranked, dict(zip(parts, counts, strict=True)), side)
            else:
                choosers[path] = _of_neurons(orders[method][:n], next(iter(sets.values())).shape, side)
        for part in mine.parts():
            for path, writer in writers.items():
                writer.write_part(part, choosers[path](part))


def _ranked(mine: Region, scores: TensorFile) -> Chooser:
    """A function part -> the places of the region's parameters, flat as stored, the most important first. Keeps one part."""

    @lru_cache(maxsize=1)
    def of(part: Part) -> np.ndarray:
        places = np.flatnonzero(part.take(mine.mask(part.name)))
        values = np.abs(part.take(scores[part.name]).reshape(-1)[places])
        return places[np.argsort(-values, kind="stable")]

    return of


def _of_region(ranked: Chooser, counts: Mapping[Part, int], side: str) -> Chooser:
    """So many of the region's parameters of each part, the most important, or as many random ones of the part."""

    def choose(part: Part) -> np.ndarray:
        n = counts.get(part, 0)  # none of a norm
        if side.startswith("random-"):
            return random_mask(int(side.removeprefix("random-")), part.label, part.size, n)
        chosen = np.zeros(part.size, bool)
        if n:
            chosen[ranked(part)[:n]] = True
        return chosen

    return choose


def _of_neurons(chosen_n2: np.ndarray, shape: tuple[int, int], side: str) -> Chooser:
    """All lines of neurons, or of as many others of every layer."""
    mask_LF = np.zeros(shape, bool)
    mask_LF[tuple(chosen_n2.T)] = True
    if side.startswith("random-"):
        mask_LF = neuron_controls.random_mask(mask_LF, int(side.removeprefix("random-")))

    def choose(part: Part) -> np.ndarray:
        return line_mask(part, mask_LF[part.layer]) if neuron_parts([part]) else np.zeros(part.size, bool)

    return choose
