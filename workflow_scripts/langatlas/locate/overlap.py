"""How large regions are in every matrix, and what those of two languages share. Counts bits; no torch."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.region import Region, check_same_parameters

DESCRIBED = ("model", "region", "region_language", "scope", "samples", "side", "seed", "ratio")


def described(region: Region) -> dict[str, str]:
    """The columns that say which region this is; ``random-1`` becomes side random and seed 1."""
    columns = {key: region.metadata.get(key, "") for key in DESCRIBED}
    return columns | {"side": columns["side"].split("-")[0]}


def densities(paths: Sequence[str]) -> pd.DataFrame:
    """One row per region and logical matrix or vector: layer, module, kind, n_selected, n_parameters, density.

    Where q, k and v share a tensor they have a row each, with the same ``parameter``.
    """
    rows = []
    for region in map(Region.open, paths):
        for part in region.parts():
            selected, size = region.part_count(part), int(np.prod(part.shape, dtype=np.int64))
            where = {"parameter": part.name, "layer": part.layer, "module": part.module, "kind": part.kind}
            counts = {"n_selected": selected, "n_parameters": size, "density": selected / size}
            rows.append(described(region) | where | counts)
    return pd.DataFrame(rows)


def overlaps(paths: Sequence[str]) -> pd.DataFrame:
    """One row per pair of languages and parameter tensor, of regions of the same side, ratio and scope.

    Columns: language_a, language_b, side, ratio, scope, samples, parameter, n_a, n_b, intersection, union, n_parameters.
    """
    regions = [Region.open(path) for path in paths]
    names, rows = check_same_parameters(regions), []
    groups: dict[tuple, list[Region]] = {}
    for region in regions:
        groups.setdefault(tuple(region.metadata[key] for key in ("side", "ratio", "scope")), []).append(region)
    for members in groups.values():
        common = {key: members[0].metadata[key] for key in ("model", "samples", "scope", "side", "ratio")}
        for name in names:
            bits = [region.bits(name) for region in members]
            for (a, bits_a), (b, bits_b) in combinations(zip(members, bits, strict=True), 2):
                both = int(np.bitwise_count(bits_a & bits_b).sum(dtype=np.int64))
                n_a, n_b = a.count(name), b.count(name)
                pair = {"language_a": _language(a), "language_b": _language(b), "parameter": name}
                sizes = {"n_a": n_a, "n_b": n_b, "intersection": both, "union": n_a + n_b - both}
                rows.append(common | pair | sizes | {"n_parameters": a.numel(name)})
    return pd.DataFrame(rows)


def overlaps_with(core: Region, others: Sequence[Region]) -> pd.DataFrame:
    """One row per other region and matrix: n_a (of the core), n_b, intersection, union, n_parameters.

    Norm vectors are left out. Raises ValueError where a region is of another model.
    """
    rows = []
    names = check_same_parameters([core, *others])
    adapter = adapter_for(core.metadata["model_type"])
    for name in names:
        if locate_parameter(name, adapter).is_norm:
            continue
        bits, n_a = core.bits(name), core.count(name)
        for other in others:
            both, n_b = int(np.bitwise_count(bits & other.bits(name)).sum(dtype=np.int64)), other.count(name)
            sizes = {"n_a": n_a, "n_b": n_b, "intersection": both, "union": n_a + n_b - both}
            rows.append(described(other) | {"parameter": name} | sizes | {"n_parameters": core.numel(name)})
    return pd.DataFrame(rows)


def _language(region: Region) -> str:
    return region.metadata["region"].split("-")[1]
