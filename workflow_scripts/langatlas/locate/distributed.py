"""Importance of a model that is spread over several processes by DeepSpeed's ZeRO, equal to that of a single one.

Sequences, batches, losses and files are those of ``importance``; only where gradients are summed differs. Every
process takes every n-th micro-batch; one that has none left takes an empty one, because gradients are exchanged in
each backward pass and all must call it equally often. DeepSpeed divides by the number of processes, which is undone.
Its own sums are fp32 and begin anew at each milestone: theta * sum is linear, so a milestone is the file of the one
before plus what came since, and no second set of sums is held.
"""

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from langatlas import runlog
from langatlas.locate.importance import GradientSum, Progress, importance_of_shard, write_progress
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.resume import Resume, key_of
from langatlas.models import checkpoint, devices, zero
from langatlas.models import engine as engines
from langatlas.models.nll import empty_batch, token_nll
from langatlas.models.processes import joined, start
from langatlas.provenance import hash_file
from langatlas.tensorfile import TensorFile
from langatlas.tokens import open_shard

log = logging.getLogger(__name__)


class SpreadGradientSum(GradientSum):
    """The same for a model that is spread over processes. All methods are collective: every process calls them equally."""

    sums = None  # they are DeepSpeed's

    def __init__(self, engine, part: tuple[int, int]):
        self.engine, self.part, self.writes = engine, part, part[0] == 0
        self.parameters = dict(engine.module.named_parameters())
        self.shapes = {name: zero.shape_of(p) for name, p in self.parameters.items()}
        self._before: str | None = None

    def __enter__(self) -> "SpreadGradientSum":
        self.engine.set_gradient_accumulation_boundary(False)
        return self

    def __exit__(self, *_) -> None:
        pass

    def backward(self, loss: torch.Tensor) -> None:
        self.engine.backward(loss)

    def check(self) -> None:
        """The sums are DeepSpeed's until they are written, and looked at then."""

    def total(self, progress: Progress) -> Progress:
        """What all processes read together."""
        counted = torch.tensor([progress.samples, progress.tokens, progress.nll], dtype=torch.float64)
        counted = counted.to(self.engine.device)
        torch.distributed.all_reduce(counted)
        samples, tokens, nll = counted.tolist()
        return Progress(int(samples), int(tokens), nll, progress.read, earlier=progress.earlier)

    def products(self) -> Iterator[tuple[str, np.ndarray]]:
        """(name, theta * gradient sum) of every parameter in the first process, of which only one is whole at a time."""
        self.engine.set_gradient_accumulation_boundary(True)  # an empty batch closes the sums
        self.backward(token_nll(self.engine, empty_batch().to(self.engine.device)).sum())
        before = TensorFile(self._before, FORMAT) if self._before and self.writes else None
        for name, parameter in self.parameters.items():
            total = zero.full_gradient(parameter, self.part[1])
            with zero.whole(parameter):
                product = parameter.detach().float() * total if self.writes else None
            if self.writes:
                values = product.cpu().numpy()
                yield name, values if before is None else values + before[name]
        self.engine.step()  # moves nothing (lr 0) and, unlike zero_grad, begins the sums anew in every stage and dtype
        self.engine.set_gradient_accumulation_boundary(False)

    def written(self, path: str) -> None:
        """Remember the file of this milestone: the next one is added to it."""
        self._before = path


def run(job: dict, *, engine: str, processes: int | None, nodes: int, threads: int) -> None:
    """Importance of one shard, here or in several processes, whichever the model's size and the devices ask for.

    ``job`` holds, all as JSON takes it: manifest, shard, milestones, outputs, metadata, stats, offload, settings (arguments of
    ``importance_of_shard``), and, where a killed job is to go on, checkpoint_minutes. ``processes``: on each node; None: one a
    GPU.
    """
    manifest, sequences = checkpoint.Manifest(**job["manifest"]), open_shard(job["shard"]).sequences
    longest = max(map(len, sequences[: job["milestones"][-1]]))
    device, size = devices.pick_device(), engines.size_of(manifest)
    precision = devices.resolve_precision(job["settings"]["precision"], device)
    activations = engines.activation_bytes(size, job["settings"]["batch_size"] * longest, precision)
    given = engines.given(processes, nodes)
    chosen = engines.choose(engine, "importance", size, given, job["offload"], activations)
    resume = _resume(job, chosen, precision, given.processes)
    job = job | {"engine": chosen, "resume": resume and asdict(resume)}
    if chosen != "single":
        start(__name__, job, job["stats"] + ".job", count=given.count, nodes=nodes, threads=threads)
    else:
        progress = importance_of_shard(
            checkpoint.load(manifest, device), sequences, job["milestones"], job["outputs"], job["metadata"],
            **job["settings"], resume=resume,
        )  # fmt: skip
        write_progress(job["stats"], progress, chosen)
    if resume:
        resume.remove()


def _resume(job: dict, engine: str, precision: str, processes: int) -> Resume | None:
    """What an earlier attempt left of this very job; None where nothing is kept."""
    if not (minutes := job.get("checkpoint_minutes")):
        return None
    key = key_of(
        model=job["manifest"]["hash"], shard=hash_file(job["shard"], 64), milestones=job["milestones"],
        metadata=job["metadata"], settings=job["settings"], precision=precision, engine=engine, offload=job["offload"],
        processes=1 if engine == "single" else processes,
    )  # fmt: skip
    if engine != "single":
        log.info("under %s a killed job goes on from its last milestone: DeepSpeed holds the sums in between", engine)
    return Resume.open(job["stats"].removesuffix(".json") + ".resume", job["outputs"], minutes, key)


def importance_of_spread_shard(job: dict, part: tuple[int, int]) -> None:
    """One process's share of a shard's importance. ``job``: see ``run``, with the engine that was chosen."""
    manifest, stage = checkpoint.Manifest(**job["manifest"]), int(job["engine"][-1])
    if job["offload"] and stage == 2 and manifest.dtype != "float32":
        raise ValueError(
            f"zero2 with offload would add gradients of {manifest.dtype} weights in {manifest.dtype}: choose zero3, or no offload"
        )
    engine = zero.for_gradients(zero.load(manifest, stage, job["offload"]), manifest.dtype, stage, job["offload"])
    progress = importance_of_shard(
        engine, open_shard(job["shard"]).sequences, job["milestones"], job["outputs"], job["metadata"],
        **job["settings"], gradients=SpreadGradientSum(engine, part),
        resume=Resume(**job["resume"]) if job.get("resume") else None,
    )  # fmt: skip
    log.info("peak memory of process %d: %.2f GiB", part[0], runlog.peak_memory_gib())
    if part[0] == 0:
        write_progress(job["stats"], progress, job["engine"])


if __name__ == "__main__":
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as mine:
        importance_of_spread_shard(described, mine)
