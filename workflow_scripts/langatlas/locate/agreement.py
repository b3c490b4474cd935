"""Do regions and neurons agree? Where a region lies among the neurons, and whether important neurons are active ones.

Axes: L layers, F neurons of a layer, C counts (region and module), G neuron sets (method and language), P permutations,
R resamples, K series (language and layer). Numpy and pandas only.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.locate.neuron_lines import region_counts
from langatlas.locate.overlap import described
from langatlas.models.adapters import ALL_MODULES
from langatlas.neuron_files import NeuronSet
from langatlas.region import Region

BLOCK_ELEMENTS = 2**22  # random numbers held at a time


def region_in_neurons(
    regions: Sequence[Region], sets: Sequence[NeuronSet], *, permutations: int, seed: int
) -> pd.DataFrame:
    """One row a region, method, language whose neurons they are, and module (ALL_MODULES: all of the feed-forward layers).

    n_in_lines of the region's n_selected parameters of these matrices lie in lines of the neurons; by_chance is the mean number
    for as many random neurons of every layer; p_value says how often these hold as many (one-sided, (1 + hits) / (1 + P));
    n_region: the region's parameters in all matrices.
    """
    counts = [with_all(region_counts(region)) for region in regions]
    modules = list(counts[0])
    counts_CLF = np.stack([found[module] for found in counts for module in modules])
    groups = [(found, label, found.mask(label)) for found in sets for label in found.languages]
    masks_GLF = np.stack([mask_LF for *_, mask_LF in groups])
    hits_GC = np.einsum("glf,clf->gc", masks_GLF.astype(np.int64), counts_CLF)
    by_chance_GC = np.einsum("gl,cl->gc", masks_GLF.sum(2), counts_CLF.mean(2))
    as_many_GC = as_many_by_chance(counts_CLF, masks_GLF.sum(2), hits_GC, permutations, seed)
    rows = []
    for number, region in enumerate(regions):
        total = sum(region.part_count(part) for part in region.parts() if not part.is_norm)
        for g, (found, label, mask_LF) in enumerate(groups):
            named = {"method": found.method, "neuron_language": label, "n_neurons": int(mask_LF.sum())}
            for m, module in enumerate(modules):
                c = number * len(modules) + m
                numbers = {"n_selected": int(counts_CLF[c].sum()), "n_region": total, "n_in_lines": int(hits_GC[g, c])}
                chance = {"by_chance": by_chance_GC[g, c], "p_value": (1 + as_many_GC[g, c]) / (1 + permutations)}
                rows.append(described(region) | named | {"module": module} | numbers | chance)
    return pd.DataFrame(rows)


def with_all(counts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Counts by module, and their sum in front."""
    return {ALL_MODULES: sum(counts.values()), **counts}


def as_many_by_chance(
    counts_CLF: np.ndarray, sizes_GL: np.ndarray, hits_GC: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """In how many of P draws of sizes_GL random neurons of every layer these hold at least hits_GC parameters, (G, C).

    One order of the neurons is drawn for each permutation and layer; a set of n takes its first n, so that sets share draws.
    """
    _, layers, width = counts_CLF.shape
    generator, found_GC = np.random.default_rng(seed), np.zeros_like(hits_GC)
    block = max(1, BLOCK_ELEMENTS // width)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        drawn_GPC = np.zeros((len(sizes_GL), rows, len(counts_CLF)))
        for layer in range(layers):
            keys_PF = generator.random((rows, width))
            ordered_PF = np.sort(keys_PF, axis=1)
            for g, n in enumerate(sizes_GL[:, layer]):
                if n:
                    taken_PF = keys_PF <= ordered_PF[:, [n - 1]]
                    drawn_GPC[g] += taken_PF.astype(np.float64) @ counts_CLF[:, layer].T
        found_GC += (drawn_GPC >= hits_GC[:, None]).sum(1)
    return found_GC


def importance_and_activation(
    importances: Mapping[str, np.ndarray], probabilities: Mapping[str, np.ndarray], *, resamples: int, seed: int
) -> pd.DataFrame:
    """One row a language and layer (empty: mean over layers): Spearman's rho over neurons of importance and activation frequency.

    Both by language, (L, F). ``low`` and ``high``: 95 % bootstrap interval over the layer's neurons, whose ranks are those among
    all of them; ``others``: mean rho of the same importance with the frequencies in the other languages.
    """
    labels = list(importances)
    layers, width = next(iter(importances.values())).shape
    x_KF = _ranks(np.stack([importances[label] for label in labels]).reshape(-1, width))
    y_KF = _ranks(np.stack([probabilities[label] for label in labels]).reshape(-1, width))
    series = np.concatenate([x_KF, y_KF, x_KF**2, y_KF**2, x_KF * y_KF])
    rho_RK = _correlation(statistics.bootstrap_sums(series, resamples, seed), width)
    rho_K = _correlation(series.sum(1)[None], width)[0]
    x_JLF, y_JLF = (ranks.reshape(len(labels), layers, width) for ranks in (x_KF, y_KF))
    crossed_JJL = np.einsum("jlf,klf->jkl", x_JLF, y_JLF) / width
    tables = []
    for number, label in enumerate(labels):
        own = slice(number * layers, (number + 1) * layers)
        others_L = (
            np.delete(crossed_JJL[number], number, axis=0).mean(0) if len(labels) > 1 else np.full(layers, np.nan)
        )
        low, high = statistics.percentile_interval(np.column_stack([rho_RK[:, own], rho_RK[:, own].mean(1)]))
        rho, others = ([*values, values.mean()] for values in (rho_K[own], others_L))
        columns = {"layer": [*range(layers), None], "rho": rho, "low": low, "high": high, "others": others}
        tables.append(pd.DataFrame(columns).astype({"layer": "Int64"}).assign(language=label))
    return pd.concat(tables, ignore_index=True)


def _ranks(values_KF: np.ndarray) -> np.ndarray:
    """Ranks within each row, ties at their mean, with mean 0 and variance 1; NaN where all are equal."""
    ranks_KF = pd.DataFrame(values_KF.T).rank().to_numpy().T
    centred_KF = ranks_KF - ranks_KF.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return centred_KF / centred_KF.std(1, keepdims=True)


def _correlation(sums_R5K: np.ndarray, n: int) -> np.ndarray:
    """Pearson's r (R, K) from sums over n neurons of x, y, x², y² and xy, one after the other (R, 5 K)."""
    x, y, xx, yy, xy = np.split(sums_R5K / n, 5, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (xy - x * y) / np.sqrt((xx - x**2) * (yy - y**2))
