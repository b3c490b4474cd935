"""One measure under every intervention in turn, the model being itself again after each: checked bit by bit.

Regions are removed, edits made, clamps held. What a measure is, nothing here knows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import torch
from tqdm import tqdm

from langatlas.intervene.edits import Edit, edited
from langatlas.intervene.neurons import Clamp, clamped
from langatlas.intervene.removal import fingerprint, zeroed
from langatlas.region import Region

Intervention = Region | Edit | Clamp  # weights removed, weights changed, activations held
Measured = TypeVar("Measured")

# What the rows of every measurement say of their intervention; null in the rows of the base.
COLUMNS = pa.schema(
    [
        ("region", pa.string()),
        ("region_language", pa.string()),
        ("scope", pa.string()),
        ("samples", pa.int64()),
        ("side", pa.string()),
        ("seed", pa.int64()),
        ("ratio", pa.float64()),
        ("edit", pa.string()),
        ("setting", pa.string()),
        ("target", pa.string()),
        ("lines", pa.int64()),
        ("amount", pa.float64()),
    ]
)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def sweep(
    model: torch.nn.Module,
    interventions: Sequence[Intervention],
    measure: Callable[[], Measured],
    *,
    include_norms: bool = False,
) -> Iterator[tuple[Intervention | None, Measured]]:
    """What ``measure`` finds under the base (None), then under each intervention in turn.

    The model is changed in place and restored. Raises RuntimeError, naming the intervention, where a bit of a weight or a
    hook is not what it was before: whatever was measured after it would be wrong.
    """
    weights, hooks = fingerprint(model), _hooks(model)
    for intervention in tqdm([None, *interventions], unit=" interventions", mininterval=2):
        with applied(model, intervention, include_norms=include_norms):
            found = measure()
        if fingerprint(model) != weights:
            raise RuntimeError(f"the weights were not restored after {_in_words(intervention)}")
        if changed := _hooks(model) ^ hooks:
            where = ", ".join(sorted({name for name, *_ in changed}))
            raise RuntimeError(f"the hooks of {where} are not what they were before {_in_words(intervention)}")
        yield intervention, found


def applied(model: torch.nn.Module, intervention: Intervention | None, *, include_norms: bool = False):
    """Context in which an intervention is in force: a region is removed, an edit made, a clamp held; None changes nothing."""
    if isinstance(intervention, Clamp):
        return clamped(model, intervention)
    if isinstance(intervention, Edit):
        return edited(model, intervention)
    return zeroed(model, intervention, include_norms=include_norms)


def describe(intervention: Intervention | None) -> dict[str, str | int | float | None]:
    """The COLUMNS of an intervention in the rows of every measurement; all but ``side`` None for the base."""
    described = dict.fromkeys(COLUMNS.names) | {"side": "base"}
    if isinstance(intervention, Edit | Clamp):
        return described | intervention.columns
    if intervention is None:
        return described
    found = intervention.metadata
    return described | {
        "region": found["region"],
        "region_language": found.get("region_language") or None,
        "scope": found["scope"],
        "samples": int(found["samples"]),
        "side": found["side"].split("-")[0],
        "seed": int(found["seed"]) if found["seed"] else None,
        "ratio": float(found["ratio"]),
        "edit": "remove",
        "setting": found.get("setting"),
    }


def _in_words(intervention: Intervention | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in describe(intervention).items() if value is not None)


def _hooks(model: torch.nn.Module) -> set[tuple[str, str, int]]:
    """Every hook of every module: the module's name, the kind, the number that torch gave it."""
    return {
        (name or "the model", kind, number)
        for name, module in model.named_modules()
        for kind in HOOKS
        for number in getattr(module, kind)
    }
