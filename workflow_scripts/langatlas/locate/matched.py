"""Random regions whose parameters are as large as those of another region: a control for "it is only the large weights"."""

import numpy as np

from langatlas.locate.importance_files import FORMAT
from langatlas.locate.selection import CHUNK, random_keys
from langatlas.models.adapters import FAMILY
from langatlas.region import Region, RegionWriter
from langatlas.tensorfile import TensorFile

BINS = 50  # equally full bins of |theta|; the largest 2 % of a matrix are one bin, which is cut finer below
TOP_BINS = 10  # further cuts of the largest bin, where regions are dense


def matched_mask(mask: np.ndarray, magnitudes: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Flat bool mask with as many parameters as ``mask`` in every bin of |theta|, drawn at random from all of the bin.

    ``magnitudes``: |theta|, flat. Bins: BINS quantiles, the last cut into TOP_BINS. The region's own parameters may be drawn
    again, as chance would have it.
    """
    levels = np.concatenate([np.arange(1, BINS) / BINS, 1 - 1 / BINS + np.arange(1, TOP_BINS) / BINS / TOP_BINS])
    cuts = np.quantile(magnitudes, levels)
    bins = np.empty(len(magnitudes), np.uint8)
    for start in range(0, len(bins), CHUNK):
        piece = slice(start, start + CHUNK)
        bins[piece] = np.searchsorted(cuts, magnitudes[piece], side="right")
    keys, drawn = random_keys(seed, f"matched {name}", len(bins)), np.zeros(len(mask), bool)
    for number, wanted in enumerate(np.bincount(bins[mask], minlength=len(levels) + 1)):
        if wanted:  # the smallest keys of the bin; one bin's places at a time, a fiftieth of the matrix
            places = np.flatnonzero(bins == number)
            drawn[places[np.argsort(keys[places], kind="stable")[:wanted]]] = True
    return drawn


def select_matched(
    source: str, magnitudes: str, outputs: dict[int, str], *, region: str, metadata: dict[str, str]
) -> None:
    """Write a matched random region for each seed of ``outputs`` (seed -> path).

    ``source``: the region; ``magnitudes``: the variant ``magnitude`` of the same model. Raises ValueError when they are of
    different models.
    """
    mine, sizes = Region.open(source), TensorFile(magnitudes, FORMAT)
    if sizes.metadata["model_hash"] != mine.metadata["model_hash"]:
        raise ValueError(f"{magnitudes} and {source} are of different models")
    shapes = {name: mine.shape(name) for name in mine.names}
    kept = {k: mine.metadata[k] for k in ("model", "model_hash", "samples", "scope", "languages", "ratio")}
    kept |= {k: mine.metadata[k] for k in FAMILY if k in mine.metadata}
    for seed, path in outputs.items():
        described = {
            **kept,
            **metadata,
            "region": region,
            "region_language": "",
            "side": f"random-{seed}",
            "seed": str(seed),
        }
        with RegionWriter(path, shapes, described) as writer:
            for part in mine.parts():
                mask, magnitude = (part.take(array).reshape(-1) for array in (mine.mask(part.name), sizes[part.name]))
                writer.write_part(part, matched_mask(mask, np.abs(magnitude), seed, part.label))
