"""Importance of every parameter for a language: theta * sum over samples of dNLL/dtheta, with its sign.

First-order Taylor estimate of what the NLL of the text would change if the parameter were zero (Zhang et al. 2024,
section 2); the absolute value is taken when a region is selected. Gradients are summed in fp32 whatever the precision
of the weights; each parameter's gradient is freed as soon as it is added, so beside weights and activations memory is
4 bytes a parameter and the gradients of one block.
"""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from langatlas.files import atomic
from langatlas.locate.importance_files import FORMAT
from langatlas.models import devices
from langatlas.models.nll import batches, token_nll
from langatlas.tensorfile import TensorWriter

if TYPE_CHECKING:
    from langatlas.locate.resume import Resume

log = logging.getLogger(__name__)
REDUCTIONS = ("corrected", "published")


class GradientSum:
    """fp32 sums of the gradients of all parameters of a model; a context manager that removes its hooks on exit.

    ``distributed.SpreadGradientSum`` is the same for a model that is spread over processes, of which ``part`` is one.
    """

    part = (0, 1)
    writes = True
    dtype = torch.float32  # of the sums; in a narrower one it matters what is added together, and in which order

    def __init__(self, model: torch.nn.Module):
        self.parameters = dict(model.named_parameters())
        self.shapes = {name: tuple(p.shape) for name, p in self.parameters.items()}
        self.sums = {name: torch.zeros_like(p, dtype=self.dtype) for name, p in self.parameters.items()}

    def __enter__(self) -> "GradientSum":
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(self._adder(self.sums[name]))
            for name, parameter in self.parameters.items()
        ]
        return self

    @staticmethod
    def _adder(total: torch.Tensor):
        def add(parameter: torch.Tensor) -> None:
            total.add_(parameter.grad)
            parameter.grad = None

        return add

    def __exit__(self, *_) -> None:
        for hook in self._hooks:
            hook.remove()

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of this loss."""
        loss.backward()

    def check(self) -> None:
        """Raises ValueError where a sum is not finite."""
        for name, parameter in self.parameters.items():
            if not torch.isfinite(self.sums[name]).all():
                raise not_finite(name, parameter.dtype)

    def total(self, progress: "Progress") -> "Progress":
        """What all processes read together: here there is one."""
        return progress

    def products(self) -> Iterator[tuple[str, np.ndarray]]:
        """(name, theta * gradient sum) of every parameter, fp32, one at a time."""
        for name, parameter in self.parameters.items():
            yield name, (parameter.detach().float() * self.sums[name]).cpu().numpy()

    def written(self, path: str) -> None:
        """A milestone stands in this file; the sums here go on."""


def not_finite(name: str, dtype: torch.dtype) -> ValueError:
    """The error of a gradient that overflowed."""
    advice = "set the checkpoint's dtype to bfloat16, which has the range of float32" if dtype == torch.float16 else ""
    return ValueError(f"the gradient of {name} is not finite; {advice or 'its weights or this text make it overflow'}")


@dataclass
class Progress:
    """What was read so far: by this process, and (``read``) sequences by all of them together, up to the last milestone.

    ``batches``: micro-batches since then; ``milestones``: how many were reached; ``earlier``: tokens that an attempt before
    this one read.
    """

    samples: int = 0
    tokens: int = 0
    nll: float = 0.0
    read: int = 0
    batches: int = 0
    milestones: int = 0
    earlier: int = 0


def accumulate(
    model: torch.nn.Module,
    sequences: Sequence[np.ndarray],
    gradients: GradientSum,
    progress: Progress,
    *,
    batch_size: int,
    reduction: str,
    precision: str,
    bar: tqdm | None = None,
    resume: "Resume | None" = None,
) -> None:
    """Add the gradients of the NLL of ``sequences`` to ``gradients`` (whose hooks are on) and count in ``progress``.

    ``reduction``: ``corrected`` sums the NLL of all tokens, so batches do not matter; ``published`` takes the mean token
    NLL of each micro-batch, as released, so a token of a batch of short texts weighs more. Micro-batches that
    ``progress`` counts already are left out; ``resume`` writes the sums down from time to time. Raises ValueError when a NLL
    is not finite, naming the first such sequence, or a gradient of the first batch, naming its parameter.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    device, start = next(model.parameters()).device, progress.read
    # Where batches do not matter, sequences of like length stand together: less padding.
    by_length = reduction == "corrected" and gradients.dtype == torch.float32
    dealt = batches(list(sequences), batch_size, by_length=by_length, part=gradients.part)
    for batch in islice(dealt, progress.batches, None):
        batch = batch.to(device)
        with devices.autocast(precision, device):
            losses_BT = token_nll(model, batch)
        total = losses_BT.sum()
        if not torch.isfinite(total):
            row = int((~torch.isfinite(losses_BT.sum(1))).nonzero()[0])
            raise ValueError(
                f"the NLL of sequence {start + batch.index[row]} of this shard is {losses_BT[row].sum().item()}, not finite"
            )
        gradients.backward(total if reduction == "corrected" else total / max(1, batch.n_predicted))
        progress.samples += len(batch.index)
        progress.tokens += batch.n_predicted
        progress.nll += float(total.detach())
        progress.batches += 1
        if progress.batches == 1:  # what overflows does so at once; the end of the shard may be hours away
            gradients.check()
        if bar is not None:
            bar.update(batch.n_predicted)
        if resume is not None:
            resume.save(gradients, progress)
    progress.read, progress.batches = progress.read + len(sequences), 0


def importance_of_shard(
    model: torch.nn.Module,
    sequences: Sequence[np.ndarray],
    milestones: Sequence[int],
    outputs: Sequence[str],
    metadata: dict[str, str],
    *,
    batch_size: int,
    reduction: str,
    precision: str,
    gradients: GradientSum | None = None,
    resume: "Resume | None" = None,
) -> Progress:
    """Walk through one shard and write theta * gradient sum at each milestone (samples of this shard, ascending).

    Each output holds one F32 tensor per parameter of the model, signed, under its Hugging Face name. ``gradients``: where
    they are summed, if not here. ``resume``: what an earlier attempt left, and where this one keeps what it has. Returns what
    all processes read.
    """
    precision = devices.resolve_precision(precision, next(model.parameters()).device)
    gradients = gradients or GradientSum(model)
    progress = resume.take_up(gradients, milestones) if resume else Progress()
    so_far, started = progress, time.perf_counter()
    total = sum(len(sequence) - 1 for sequence in sequences[: milestones[-1]]) // gradients.part[1]
    bar = tqdm(
        total=total, initial=progress.tokens, unit=" tokens", mininterval=2, miniters=1, disable=not gradients.writes
    )
    with gradients, bar:
        for milestone, output in list(zip(milestones, outputs, strict=True))[progress.milestones :]:
            accumulate(
                model, sequences[progress.read : milestone], gradients, progress,
                batch_size=batch_size, reduction=reduction, precision=precision, bar=bar, resume=resume,
            )  # fmt: skip
            so_far = gradients.total(progress)
            progress.milestones += 1
            if resume and progress.milestones <= resume.kept:
                continue  # it is there, and would be the same
            counted = {"samples": str(so_far.samples), "tokens": str(so_far.tokens), "nll_nats": repr(so_far.nll)}
            write_products(output, gradients, {**metadata, **counted, "reduction": reduction, "precision": precision})
            if resume and gradients.writes:
                resume.finished(output)
    seconds = time.perf_counter() - started
    loss = so_far.nll / max(so_far.tokens, 1)
    log.info(
        "%d samples, %d tokens, %.0f tokens/s, loss %.4f nats/token",
        so_far.samples,
        so_far.tokens,
        (so_far.tokens - so_far.earlier) / seconds,
        loss,
    )
    return so_far


def write_products(path: str, gradients: GradientSum, metadata: dict[str, str]) -> None:
    """Write theta * gradient sum, one tensor at a time; of several processes one writes, and the others help it."""
    layout = {name: ("F32", shape) for name, shape in gradients.shapes.items()}
    if gradients.writes:
        with TensorWriter(path, layout, {**metadata, "format": FORMAT}) as writer:
            for name, product in gradients.products():
                if not np.isfinite(product).all():
                    raise not_finite(name, gradients.parameters[name].dtype)
                writer.write(name, product)
    else:
        for _ in gradients.products():
            pass
    gradients.written(path)


def write_progress(path: str, progress: Progress, engine: str = "single") -> None:
    """What was read of a shard as JSON. Time and memory differ between equal runs: they stand in the log and the benchmark."""
    record = {
        "samples": progress.samples,
        "tokens": progress.tokens,
        "loss_nats_per_token": progress.nll / max(progress.tokens, 1),
        "engine": engine,
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def samples_in_shard(samples: int, shard: int, shards: int) -> int:
    """How many of the first ``samples`` sequences lie in this shard, where sequence i is in shard i modulo ``shards``."""
    return len(range(shard, samples, shards))
