"""The one loop over interventions: the unchanged model, then each change in turn, and the weights checked after every one."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext

import pandas as pd
import torch
from tqdm import tqdm

from langatlas.intervene.index import BASE, COLUMNS, Intervention, described

PART = 1 << 22  # bits are looked at in parts, so that a large embedding needs no copies of 64 bits an entry
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
Observe = Callable[[str], pd.DataFrame]
"""Observes the model as it is, one row an observation; gets the id of the intervention that is in force, ``base`` for none."""


def sweep(model: torch.nn.Module, interventions: Mapping[str, Intervention], observe: Observe) -> pd.DataFrame:
    """Rows of the unchanged model and of every intervention, the columns of the intervention first.

    Raises RuntimeError, naming the intervention, where weights are not the very same bits afterwards or a hook is left behind;
    ValueError where an intervention changes nothing that it could, as its ``applied`` says.
    """
    weights, hooks = fingerprint(model), hooks_of(model)
    names = [*dict.fromkeys(name for one in interventions.values() for name in one.columns if name not in COLUMNS)]
    frames = []
    for name, intervention in tqdm([(BASE, None), *interventions.items()], unit=" interventions", mininterval=2):
        with nullcontext() if intervention is None else intervention.applied(model):
            rows = observe(name)
        if fingerprint(model) != weights:
            raise RuntimeError(f"the weights were not restored after {_in_words(name, intervention)}")
        if changed := hooks_of(model) ^ hooks:
            where = ", ".join(sorted({module for module, *_ in changed}))
            raise RuntimeError(f"the hooks of {where} are not what they were before {_in_words(name, intervention)}")
        columns = dict.fromkeys([*COLUMNS, *names]) | described(intervention)
        # Objects: None stays None, so that whole numbers stay whole beside interventions that say nothing of them.
        frames.append(
            pd.DataFrame([columns] * len(rows), index=rows.index, columns=list(columns), dtype=object).join(rows)
        )
    return pd.concat(frames, ignore_index=True)


def fingerprint(model: torch.nn.Module) -> int:
    """A number that changes when any bit of any parameter does (a position-weighted sum of all bits; not cryptographic)."""
    words = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}
    total = 0
    for index, parameter in enumerate(model.parameters()):
        bits = parameter.data.reshape(-1).view(words[parameter.element_size()])
        total = total * 31 + index
        for start in range(0, bits.numel(), PART):
            part = bits[start : start + PART].long()
            weights = (
                torch.arange(start, start + len(part), device=bits.device).remainder_(65521).add_(1)
            )  # none of them 0
            total += int(weights.mul_(part).sum())
        total %= 1 << 61
    return total


def hooks_of(model: torch.nn.Module) -> set[tuple[str, str, int]]:
    """Every hook of every module: the module's name, the kind, the number that torch gave it."""
    return {
        (name or "the model", kind, number)
        for name, module in model.named_modules()
        for kind in HOOKS
        for number in getattr(module, kind)
    }


def _in_words(name: str, intervention: Intervention | None) -> str:
    said = [f"{key} {value}" for key, value in described(intervention).items() if value is not None]
    return f"{name}: {', '.join(said)}"
