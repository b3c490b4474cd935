"""How large regions are in every matrix, and what those of two languages share. Counts bits; no torch."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from langatlas.region import Region, check_same_parameters

DESCRIBED = ("model", "region", "region_language", "scope", "samples", "side", "seed", "ratio")
SIZES = ("n_a", "n_b", "intersection", "union", "n_parameters")
COMMON = ("model", "samples", "scope", "side", "ratio")  # of the regions of a pair


def described(region: Region) -> dict[str, str]:
    """The columns that say which region this is; ``random-1`` becomes side random and seed 1."""
    columns = {key: region.metadata.get(key, "") for key in DESCRIBED}
    return columns | {"side": columns["side"].split("-")[0]}


def densities(paths: Sequence[str]) -> pd.DataFrame:
    """One row per region and logical matrix or vector: layer, module, kind, n_selected, n_parameters, density.

    Where q, k and v share a tensor they have a row each, with the same ``parameter``.
    """
    rows, regions = [], list(map(Region.open, paths))
    check_same_parameters(regions)
    for region in regions:
        for part in region.parts():
            selected, size = region.part_count(part), part.size
            where = {"parameter": part.name, "layer": part.layer, "module": part.module, "kind": part.kind}
            counts = {"n_selected": selected, "n_parameters": size, "density": selected / size}
            rows.append(described(region) | where | counts)
    return pd.DataFrame(rows)


def overlaps(paths: Sequence[str]) -> Iterator[pd.DataFrame]:
    """One row per pair of languages and matrix or vector, of regions of the same side, ratio and scope; a frame a matrix.

    Pairs grow with the square of the languages: the frames are meant to be written as they come. The first has no rows, so that
    one language gives a table too. Columns: language_a,
    language_b, side, ratio, scope, samples, parameter (of a fused one with the module), n_a, n_b, intersection, union,
    n_parameters.
    """
    regions = [Region.open(path) for path in paths]
    check_same_parameters(regions)
    parts = regions[0].parts()
    groups: dict[tuple, list[Region]] = {}
    for region in regions:
        groups.setdefault(tuple(region.metadata[key] for key in ("side", "ratio", "scope")), []).append(region)
    yield pd.DataFrame(columns=[*COMMON, "language_a", "language_b", "parameter", *SIZES])
    for members in groups.values():
        common = {key: members[0].metadata[key] for key in COMMON}
        for part in parts:
            counted = [(r.language, bits, _popcount(bits)) for r in members for bits in [r.part_bits(part)]]
            rows = []
            for (a, bits_a, n_a), (b, bits_b, n_b) in combinations(counted, 2):
                pair = {"language_a": a, "language_b": b, "parameter": part.label}
                rows.append(common | pair | _sizes(n_a, n_b, bits_a & bits_b) | {"n_parameters": part.size})
            if rows:
                yield pd.DataFrame(rows)


def overlaps_with(core: Region, others: Sequence[Region]) -> pd.DataFrame:
    """One row per other region and matrix or bias: n_a (of the core), n_b, intersection, union, n_parameters.

    Norm vectors are left out. Raises ValueError where a region is of another model.
    """
    rows = []
    check_same_parameters([core, *others])
    for part in core.parts():
        if part.is_norm:
            continue
        bits = core.part_bits(part)
        for other in others:
            theirs = other.part_bits(part)
            sizes = _sizes(_popcount(bits), _popcount(theirs), bits & theirs) | {"n_parameters": part.size}
            rows.append(described(other) | {"parameter": part.label} | sizes)
    return pd.DataFrame(rows, columns=[*DESCRIBED, "parameter", *SIZES])


def _popcount(bits: np.ndarray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _sizes(n_a: int, n_b: int, shared: np.ndarray) -> dict[str, int]:
    """How many two masks hold, share (a packed mask), and have together."""
    both = _popcount(shared)
    return {"n_a": n_a, "n_b": n_b, "intersection": both, "union": n_a + n_b - both}
