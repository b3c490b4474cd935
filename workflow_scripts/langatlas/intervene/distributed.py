"""Further pretraining spread over several processes by DeepSpeed's ZeRO 2.

Batches, losses, schedule and modes are those of ``pretraining``; each process takes its share of every micro-batch, so that
the number of processes changes nothing but the order of sums. Under ZeRO 2 every process holds the whole working copy, and
its share of gradients, master copy and moments. A region is held in all of them: its gradients are dropped in the process
that owns them before DeepSpeed takes the norm, its masters are put back after the step (weight decay has moved them), and
the working copy is put back in every process after DeepSpeed has sent the new weights around.
"""

import torch

from langatlas.intervene.pretraining import BETAS, CLIP, Settings, Trainer
from langatlas.models import zero
from langatlas.region import Region


class SpreadTrainer(Trainer):
    """``Trainer`` under ZeRO 2; its ``model`` is DeepSpeed's engine. The working copy has the dtype of the model's weights."""

    def __init__(
        self,
        model: torch.nn.Module,
        region: Region | None,
        mode: str,
        master: str,
        settings: Settings,
        part: tuple[int, int],
    ):
        self.part = part
        super().__init__(model, region, mode, master, settings)

    def _make_masters(self) -> None:
        """DeepSpeed makes its master copy, a share of each process, from the weights as they are now."""
        optimizer = torch.optim.AdamW(self._groups(self.parameters.values()), lr=0.0, betas=BETAS)
        self.model = zero.for_training(self.model, optimizer, self.settings.working, CLIP)
        shares = {name: zero.share(self.parameters[name]) for name in self.places}
        # Places of the region within this process's share of each parameter: (in the share, in self.held).
        self.own = {name: _within(self.places[name], *share) for name, share in shares.items() if share}

    def backward(self, loss: torch.Tensor, last: bool) -> None:
        """DeepSpeed averages over processes; the loss here is this process's part of a sum."""
        self.model.set_gradient_accumulation_boundary(last)
        self.model.backward(loss * (self.part[1] / self.settings.accumulation))

    def step(self, learning_rate: float) -> None:
        """One optimizer step of all processes."""
        corrected = self.freezes and not self.published
        if corrected:
            for name, (places, _) in self.own.items():
                zero.own_gradient(self.parameters[name])[places] = 0
        for group in self.model.optimizer.param_groups:
            group["lr"] = learning_rate
        self.model.step()
        if corrected:
            for name, (places, held) in self.own.items():
                zero.own_master(self.parameters[name])[places] = self.held[name][held]
        if self.freezes:
            self._hold(self.parameters)


def _within(places: torch.Tensor, first: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ascending flat places that lie in first .. first + count: relative to first, and their numbers among all."""
    numbers = ((places >= first) & (places < first + count)).nonzero().squeeze(1)
    return places[numbers] - first, numbers
