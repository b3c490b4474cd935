"""Further pretraining of a model with a region removed or frozen (Zhang et al. 2024, 4.4 and 5), and the master-weight question.

A mixed-precision engine keeps two copies of the weights: the working copy that computes (bf16) and a master copy (fp32)
that the optimizer updates; after every optimizer step the working copy is the master, rounded. An intervention may be
made in both, or in the working copy alone:

- ``corrected``: the region is zeroed in both. In freeze modes its gradients are dropped before clipping, so that it
  neither moves nor weighs on the norm, and its values are the same bits at the end in both copies.
- ``published``: as released, the engine makes its master before the region is zeroed, and only the working copy is edited.
  Freeze modes edit the working copy again after every step while the master drifts; without freezing the first
  optimizer step puts the removed weights back. Gradients of the region weigh on the norm.

Modes: ``full`` (no region), ``freeze`` (at original values), ``zero-freeze``, ``zero-unfreeze``.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from langatlas.models import devices
from langatlas.models.adapters import adapter_for, locate_parameter
from langatlas.models.nll import empty_batch, pad, token_nll
from langatlas.region import Region

log = logging.getLogger(__name__)
MODES = ("full", "freeze", "zero-freeze", "zero-unfreeze")
MASTERS = ("corrected", "published")
BETAS = (0.9, 0.95)
CLIP = 1.0  # norm of all gradients together


@dataclass(frozen=True)
class Settings:
    """How training goes. A step takes ``batch_size * accumulation`` sequences; ``working``: dtype of the working copy."""

    learning_rate: float
    warmup_steps: int
    weight_decay: float
    batch_size: int
    accumulation: int
    working: str
    precision: str
    seed: int


class Trainer:
    """AdamW (betas 0.9, 0.95) on an fp32 master copy of a model whose own parameters are the working copy.

    ``distributed.SpreadTrainer`` is the same over several processes, of which ``part`` (rank, processes) is one.

    Norms and biases are not decayed. Gradients are clipped to norm 1. Matrices that a region holds are treated by
    ``mode`` and ``master`` as the module's text says; norm vectors of a region are left alone, as published.
    """

    part = (0, 1)

    def __init__(self, model: torch.nn.Module, region: Region | None, mode: str, master: str, settings: Settings):
        if mode not in MODES or master not in MASTERS:
            raise ValueError(
                f"mode must be one of {', '.join(MODES)} and master of {', '.join(MASTERS)}: {mode}, {master}"
            )
        if (region is None) != (mode == "full"):
            raise ValueError(f"mode {mode} {'takes no' if region else 'needs a'} region")
        self.model, self.mode, self.published, self.settings = model, mode, master == "published", settings
        self.parameters = dict(model.named_parameters())
        self.places = {} if region is None else region_places(model, region)
        zero = mode.startswith("zero")
        self.held = {
            name: torch.zeros(len(places), device=places.device) if zero else self._flat(name)[places].float()
            for name, places in self.places.items()
        }
        if zero and not self.published:
            self._hold(self.parameters)
        self._make_masters()
        if zero:
            self._hold(self.parameters)

    def _make_masters(self) -> None:
        """Master copy and optimizer, from the weights as they are now; then the working copy is rounded."""
        self.masters = {n: torch.nn.Parameter(p.detach().float().clone()) for n, p in self.parameters.items()}
        self.optimizer = torch.optim.AdamW(self._groups(self.masters.values()), lr=0.0, betas=BETAS)
        self._to_working()

    def _groups(self, parameters: Iterable[torch.nn.Parameter]) -> list[dict]:
        parameters = list(parameters)
        decayed = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        decay = self.settings.weight_decay
        return [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]

    @property
    def freezes(self) -> bool:
        return self.mode in ("freeze", "zero-freeze")

    def _flat(self, name: str) -> torch.Tensor:
        return self.parameters[name].data.view(-1)

    def _hold(self, copies: dict[str, torch.Tensor]) -> None:
        for name, places in self.places.items():
            copies[name].data.view(-1)[places] = self.held[name].to(copies[name].dtype)

    def _to_working(self) -> None:
        """Master -> working copy, rounded to the working dtype (products are taken in the model's own dtype)."""
        working = getattr(torch, self.settings.working)
        for name, parameter in self.parameters.items():
            parameter.data.copy_(self.masters[name].data.to(working))

    def backward(self, loss: torch.Tensor, last: bool) -> None:
        """Add the gradients of one micro-batch's loss; ``last``: of its step."""
        loss.backward()

    def step(self, learning_rate: float) -> None:
        """One optimizer step from the gradients that the working copy holds, which are then dropped."""
        for name, parameter in self.parameters.items():
            self.masters[name].grad = parameter.grad.float() / self.settings.accumulation
            parameter.grad = None
        if self.freezes and not self.published:
            for name, places in self.places.items():
                self.masters[name].grad.view(-1)[places] = 0
        torch.nn.utils.clip_grad_norm_(self.masters.values(), CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.freezes and not self.published:
            self._hold(self.masters)  # weight decay must not move them either
        self._to_working()
        if self.freezes:
            self._hold(self.parameters)


def region_places(model: torch.nn.Module, region: Region) -> dict[str, torch.Tensor]:
    """Flat indices of a region's parameters by matrix; norm vectors are left out."""
    adapter = adapter_for(model.config.model_type)
    parameters = dict(model.named_parameters())
    return {
        name: torch.from_numpy(np.flatnonzero(region.mask(name))).to(parameters[name].device)
        for name in region.names
        if not locate_parameter(name, adapter).is_norm
    }


def learning_rate(step: int, steps: int, settings: Settings) -> float:
    """Linear warm-up from 0 (the first step does not move anything), then half a cosine to 0 at the last step."""
    if step < settings.warmup_steps:
        return settings.learning_rate * step / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def further_pretrain(
    trainer: Trainer, sequences: Sequence[np.ndarray], milestones: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Train on ``sequences`` in a seeded order; yields (samples, optimizer steps) at every milestone, the model in place.

    Milestones: numbers of samples, ascending, 0 allowed; the learning rate's schedule ends at the last. Raises ValueError
    where the text is too short or the loss is not finite.
    """
    settings, model = trainer.settings, trainer.model
    if milestones[-1] > len(sequences):
        raise ValueError(f"{milestones[-1]} training samples were asked for, the text has {len(sequences)} sequences")
    device, (rank, processes) = next(model.parameters()).device, trainer.part
    precision = devices.resolve_precision(settings.precision, device)
    order = np.random.default_rng(settings.seed).permutation(len(sequences))
    per_step = settings.batch_size * settings.accumulation
    total_steps = -(-milestones[-1] // per_step)
    waiting, samples, steps, micro = list(milestones), 0, 0, 0
    with tqdm(total=milestones[-1], unit=" samples", mininterval=2, disable=rank > 0) as bar:
        while True:
            while waiting and samples >= waiting[0]:
                yield waiting.pop(0), steps
            if not waiting:
                return
            chosen = order[samples : samples + settings.batch_size]
            model.train()
            mine, predicted = chosen[rank::processes], sum(len(sequences[i]) - 1 for i in chosen)
            batch = (pad([sequences[i] for i in mine], mine) if len(mine) else empty_batch()).to(device)
            with devices.autocast(precision, device):
                loss = token_nll(model, batch).sum() / predicted
            if not torch.isfinite(loss):
                raise ValueError(f"the training loss is {loss.item()} after {samples} samples; lower learning_rate")
            samples, micro = samples + len(chosen), micro + 1
            trainer.backward(loss, last=micro % settings.accumulation == 0)
            bar.update(len(chosen))
            if micro % settings.accumulation == 0:
                trainer.step(learning_rate(steps, total_steps, settings))
                steps += 1
