"""Select regions from importances: core, per language, monolingual, and their random controls. Streams, no torch.

Core: the top n of sum over languages of |importance|. Language: the top n of |importance| of one language.
Monolingual: the language's region minus the union of others' (Zhang et al. 2024, section 4). n = floor(ratio *
numel) of the scope: each matrix, each layer, or all decoder blocks together. Random controls have, in every matrix, as
many parameters as the region that they control. Where q, k and v share one stored tensor, each is a matrix.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache

import numpy as np

from langatlas.locate.importance_files import FORMAT as IMPORTANCE
from langatlas.locate.importance_files import core_scores
from langatlas.locate.selection import Taker, keys_of, random_keys, thresholds
from langatlas.models.adapters import FAMILY, Part, parts_of
from langatlas.region import Region, RegionWriter, check_same_parameters, unpack
from langatlas.tensorfile import TensorFile

log = logging.getLogger(__name__)
SCOPES = ("matrix", "layer", "global")
Plan = dict[tuple[str, str], str]  # (side, ratio as in the config) -> path of the region file


def parse_ratio(ratio: str) -> float:
    """Ratio as written in the config -> number. Raises ValueError outside (0, 1]."""
    value = float(ratio)
    if not 0 < value <= 1:
        raise ValueError(f"ratio must be in (0, 1], got {ratio}")
    return value


def block_parts(shapes: Mapping[str, tuple[int, ...]], family: Mapping[str, str], scope: str) -> list[list[Part]]:
    """Matrices and vectors of decoder blocks in the model's order, grouped by what shares one n: matrix, layer or all.

    ``shapes``: of all stored tensors, by name; ``family``: as for ``parts_of``.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}, got {scope!r}")
    key: Callable = {"matrix": lambda p: p.label, "layer": lambda p: p.layer, "global": lambda p: None}[scope]
    groups: dict = {}
    for name, shape in shapes.items():
        for part in parts_of(name, shape, family):
            groups.setdefault(key(part), []).append(part)
    return list(groups.values())


def select(
    importances: Sequence[str], plan: Plan, *, model_type: str, scope: str, region: str, metadata: Mapping[str, str]
) -> None:
    """Write top, bottom and random regions of all ratios in one pass over the importances (summed as for the core).

    ``plan`` keys: side ``top``, ``bottom`` or ``random-SEED``; ratio as in the config. Ties go to the lower flat index.
    ``metadata`` also says the heads of the model where its tensors are fused (``adapters.FAMILY``).
    Raises ValueError when the files are of different models or a score is NaN.
    """
    files = [TensorFile(path, IMPORTANCE) for path in importances]
    check_same_model(files)
    stored = {name: files[0].shape(name) for name in files[0].names}
    groups = block_parts(stored, {**metadata, "model_type": model_type}, scope)
    shapes = {part.name: part.stored for group in groups for part in group}
    keys = _keys(files)
    common = describe(files, region=region, scope=scope, metadata=metadata)
    with ExitStack() as stack:
        writers = {
            (side, ratio): stack.enter_context(RegionWriter(path, shapes, {**common, **side_of(side), "ratio": ratio}))
            for (side, ratio), path in plan.items()
        }
        for group in groups:
            for key, part, mask in _select_group(group, keys, list(plan)):
                writers[key].write_part(part, mask)


def _select_group(group: list[Part], keys: Callable[[Part], np.ndarray], plan: list[tuple[str, str]]) -> Iterator:
    """Masks of one group of matrices that share one n, as ((side, ratio), part, flat mask as stored)."""
    size = sum(part.size for part in group)
    ranked = [(side, ratio) for side, ratio in plan if not side.startswith("random-")]
    # A random control is drawn per matrix with the number that the top side takes there, so it needs that side too.
    tops = {ratio: ("top", ratio) for side, ratio in plan if side.startswith("random-")}
    ranked += [key for key in tops.values() if key not in ranked]
    requests = [(int(parse_ratio(ratio) * size), side == "top") for side, ratio in ranked]
    takers = dict(zip(ranked, map(Taker, thresholds(lambda: map(keys, group), requests)), strict=True))
    for part in group:
        found, taken = keys(part), {}
        for (side, ratio), taker in takers.items():  # one mask at a time: each is a byte a parameter
            mask = taker.mask(found)
            taken[side, ratio] = int(mask.sum())
            if (side, ratio) in plan:
                yield (side, ratio), part, mask
        for side in dict.fromkeys(side for side, _ in plan if side.startswith("random-")):
            ratios = [ratio for other, ratio in plan if other == side]
            numbers = [taken["top", ratio] for ratio in ratios]
            masks = random_masks(int(side.removeprefix("random-")), part.label, part.size, numbers)
            for ratio, mask in zip(ratios, masks, strict=True):
                yield (side, ratio), part, mask


def _keys(files: list[TensorFile]) -> Callable[[Part], np.ndarray]:
    """A function part -> flat keys of its scores, as stored. Keeps one tensor: its parts come one after the other."""

    @lru_cache(maxsize=1)
    def of_tensor(name: str) -> np.ndarray:
        try:
            return keys_of(core_scores(files, name))
        except ValueError as error:
            raise ValueError(f"{[file.path for file in files]}: {name}: {error}") from None

    return lambda part: part.take(of_tensor(part.name).reshape(part.stored)).reshape(-1)


def random_mask(seed: int, name: str, size: int, n: int) -> np.ndarray:
    """Flat bool mask of n random places out of ``size``; nested in n for one seed and name."""
    return next(random_masks(seed, name, size, [n]))


def random_masks(seed: int, name: str, size: int, numbers: Sequence[int]) -> Iterator[np.ndarray]:
    """``random_mask`` of each of ``numbers``, for which places are drawn once."""
    keys = random_keys(seed, name, size)
    for threshold in thresholds(lambda: [keys], [(n, True) for n in numbers]):
        yield Taker(threshold).mask(keys)


def select_shared(regions: Sequence[str], plan: Plan, *, region: str, least: int, metadata: Mapping[str, str]) -> None:
    """Write, for each (side, ratio) of ``plan``, what ``least`` (1 or 2) or more language regions hold. One matrix in memory.

    For a language of ``regions`` S_l minus the union of the other S_l' is S_l minus what two have: a parameter of S_l that
    another language has, two have. For any other language it is S_l minus what one has.
    """
    opened = [Region.open(path) for path in regions]
    for (side, ratio), path in plan.items():
        found = [r for r in opened if {"side": side, "ratio": ratio}.items() <= r.metadata.items()]
        shapes = {name: found[0].shape(name) for name in check_same_parameters(found)}
        languages = [r.language for r in found]
        described = inherited(found[0]) | {"region": region, "languages": json.dumps(languages), "ratio": ratio}
        with RegionWriter(path, shapes, {**described, **side_of(side), **metadata}) as writer:
            for name in shapes:
                once = twice = np.zeros_like(found[0].bits(name))
                for language in found:
                    bits = language.bits(name)
                    once, twice = once | bits, twice | (once & bits)
                writer.write(name, once if least == 1 else twice)


def select_monolingual(
    own: Sequence[str], others: Sequence[str], plan: Plan, *, region: str, metadata: Mapping[str, str]
) -> None:
    """Write S_l minus the union of the other S_l' for each (side, ratio) of ``plan``, and random controls of its size.

    ``own``: region files, of all sides and ratios, of the language; ``others``: those of all other languages, or of what
    ``select_shared`` found.
    """
    own, others = [Region.open(path) for path in own], [Region.open(path) for path in others]
    sources: dict[tuple[str, str], Plan] = {}  # a random control has the size of the top side, and so the same source
    for (side, ratio), path in plan.items():
        sources.setdefault(("top" if side.startswith("random-") else side, ratio), {})[side, ratio] = path
    for (side, ratio), outputs in sources.items():
        source = {"side": side, "ratio": ratio}
        (mine,) = [r for r in own if source.items() <= r.metadata.items()]
        theirs = [r for r in others if source.items() <= r.metadata.items()]
        _write_monolingual(mine, theirs, outputs, {"region": region, **metadata})


def _write_monolingual(mine: Region, theirs: Sequence[Region], plan: Plan, metadata: Mapping[str, str]) -> None:
    """All regions that come from one set of language regions, which are read once; one matrix in memory."""
    shapes = {name: mine.shape(name) for name in check_same_parameters([mine, *theirs])}
    languages = dict.fromkeys(language for r in [mine, *theirs] for language in json.loads(r.metadata["languages"]))
    kept = inherited(mine) | {"languages": json.dumps(list(languages)), **metadata}
    with ExitStack() as stack:
        writers = {
            side: stack.enter_context(RegionWriter(path, shapes, {**kept, **side_of(side), "ratio": ratio}))
            for (side, ratio), path in plan.items()
        }
        for part in mine.parts():
            bits = mine.part_bits(part)
            for other in theirs:
                bits = bits & ~other.part_bits(part)
            mask = unpack(bits, (part.size,))
            for side, writer in writers.items():
                if side.startswith("random-"):
                    seed = int(side.removeprefix("random-"))
                    writer.write_part(part, random_mask(seed, part.label, part.size, int(mask.sum())))
                else:
                    writer.write_part(part, mask)


def inherited(region: Region) -> dict[str, str]:
    """What a region made from others takes over from them."""
    kept = ("model", "model_hash", "samples", "scope", *FAMILY)
    return {key: region.metadata[key] for key in kept if key in region.metadata}


def check_same_model(files: Sequence[TensorFile]) -> None:
    """Raises ValueError when importance files are of different models."""
    for other in files[1:]:
        if other.metadata["model_hash"] != files[0].metadata["model_hash"] or other.names != files[0].names:
            raise ValueError(
                f"{other.path} is of model {other.metadata['model']} ({other.metadata['model_hash']}), but "
                f"{files[0].path} of {files[0].metadata['model']} ({files[0].metadata['model_hash']})"
            )


def describe(files: Sequence[TensorFile], *, region: str, scope: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that all sides and ratios of one selection share."""
    first = files[0].metadata
    languages = [file.metadata["language"] for file in files]
    # The metadata of an importance file holds model, code and the exact NLL: its hash stands for the file, which may be
    # tens of gigabytes.
    sources = {
        file.metadata["language"]: hashlib.sha256(json.dumps(file.metadata, sort_keys=True).encode()).hexdigest()[:16]
        for file in files
    }
    return {
        **{key: first[key] for key in ("model", "model_hash")},
        "samples": first["samples"],
        "region": region,
        "scope": scope,
        "languages": json.dumps(languages),
        "sources": json.dumps(sources),
        **metadata,
    }


def side_of(side: str) -> dict[str, str]:
    """Side and, of a random one, seed, as a region's metadata have them."""
    return {"side": side, "seed": side.removeprefix("random-") if side.startswith("random-") else ""}
