"""The one loop over interventions: the unchanged model, then each change in turn, and the weights checked after every one."""

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext

import pandas as pd
import torch
from tqdm import tqdm

from langatlas.intervene.index import BASE, Intervention, described

log = logging.getLogger(__name__)
Observe = Callable[[str], pd.DataFrame]
"""Observes the model as it is, one row an observation; gets the id of the intervention that is in force, ``base`` for none."""


def sweep(model: torch.nn.Module, interventions: Mapping[str, Intervention], observe: Observe) -> pd.DataFrame:
    """Rows of the unchanged model and of every intervention, the columns of the intervention first.

    Raises RuntimeError, naming the intervention, where weights are not the very same bits afterwards or a hook is left behind;
    ValueError where an intervention changes nothing that it could, as its ``applied`` says.
    """
    before, hooks = fingerprint(model), hook_count(model)
    frames = []
    for name, intervention in tqdm([(BASE, None), *interventions.items()], unit=" interventions", mininterval=2):
        with nullcontext() if intervention is None else intervention.applied(model):
            rows = observe(name)
        if fingerprint(model) != before:
            raise RuntimeError(f"the weights were not restored after {name}: {described(intervention)}")
        if hook_count(model) != hooks:
            raise RuntimeError(f"hooks were left in the model after {name}: {described(intervention)}")
        columns = described(intervention)
        frames.append(pd.DataFrame([columns] * len(rows), index=rows.index, columns=list(columns)).join(rows))
    return pd.concat(frames, ignore_index=True)


def fingerprint(model: torch.nn.Module) -> int:
    """A number that changes when any bit of any parameter does (a position-weighted sum of all bits; not cryptographic)."""
    words = {4: torch.int32, 2: torch.int16}
    total = 0
    for index, parameter in enumerate(model.parameters()):
        bits = parameter.data.reshape(-1).view(words[parameter.element_size()]).long()
        weights = torch.arange(1, bits.numel() + 1, device=bits.device).remainder_(65521)
        total = (total * 31 + int((bits * weights).sum()) + index) % (1 << 61)
    return total


def hook_count(model: torch.nn.Module) -> int:
    """Forward hooks in all modules."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())
