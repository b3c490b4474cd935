"""Importance files: adding shards, adding languages. Numpy only; one tensor in memory at a time."""

from collections.abc import Iterable, Sequence

import numpy as np

from langatlas.provenance import check_made_from
from langatlas.tensorfile import TensorFile, TensorWriter

FORMAT = "langatlas.importance/1"
KEPT = ("model", "model_hash", "revision", "language", "reduction", "precision", "tokenizer")


def check_importances(paths: Iterable[str], model_hash: str) -> None:
    """Raises ValueError for an importance file that was made from other weights than those of this hash."""
    for path in paths:
        check_made_from(path, "importances", TensorFile(path, FORMAT).metadata, model_hash)


def add_shards(paths: Sequence[str], output: str, metadata: dict[str, str]) -> None:
    """Add the importances of shards in the given order, tensor by tensor, in fp32: one language at one milestone.

    Raises ValueError when the shards are of different models or settings, or hold NaN.
    """
    files = [TensorFile(path, FORMAT) for path in paths]
    first = files[0]
    for other in files[1:]:
        for key in KEPT:
            if other.metadata.get(key) != first.metadata.get(key):
                raise ValueError(
                    f"{other.path}: {key} is {other.metadata.get(key)!r}, but {first.metadata.get(key)!r} in {first.path}"
                )
    counted = {key: str(sum(int(f.metadata[key]) for f in files)) for key in ("samples", "tokens")}
    nll = sum(float(f.metadata["nll_nats"]) for f in files)
    kept = {key: first.metadata[key] for key in KEPT}
    layout = {name: ("F32", first.shape(name)) for name in first.names}
    with TensorWriter(
        output, layout, {**kept, **counted, "nll_nats": repr(nll), **metadata, "format": FORMAT}
    ) as writer:
        for name in first.names:
            total = first[name]
            for other in files[1:]:
                total += other[name]
            if not np.isfinite(total).all():
                raise ValueError(f"{output}: the importance of {name} is not finite")
            writer.write(name, total)


def core_scores(files: Iterable[TensorFile], name: str) -> np.ndarray:
    """Sum over languages of |importance| of one tensor, fp32, in the given order. Shape of the parameter."""
    total: np.ndarray | None = None
    for file in files:
        scores = file[name]
        np.abs(scores, out=scores)
        total = scores if total is None else np.add(total, scores, out=total)
    return total
