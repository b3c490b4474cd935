"""One arm of further pretraining, here or spread over several processes by DeepSpeed's ZeRO 2.

Batches, losses, schedule and modes are those of ``pretraining``; each process takes its share of every micro-batch, so that
the number of processes changes nothing but the order of sums. Under ZeRO 2 every process holds the whole working copy, and
its share of gradients, master copy and moments. A region is held in all of them: its gradients are dropped in the process
that owns them before DeepSpeed takes the norm, its masters are put back after the step (weight decay has moved them), and
the working copy is put back in every process after DeepSpeed has sent the new weights around.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from langatlas.files import atomic
from langatlas.intervene.pretraining import BETAS, CLIP, Settings, Trainer, further_pretrain
from langatlas.intervene.removal import open_regions
from langatlas.measure.perplexity import language_rows
from langatlas.models import checkpoint, devices, zero
from langatlas.models import engine as engines
from langatlas.models.processes import joined, start
from langatlas.region import Region
from langatlas.tokens import TokenShard, open_shard


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


def run(job: dict, *, engine: str, processes: int | None, nodes: int, threads: int) -> None:
    """One arm, here or in several processes, whichever the model's size and the devices ask for.

    ``job`` holds, as JSON takes it: manifest, arm (mode, side, master, seed), settings, region, training, tests and output
    (paths), samples (milestones), sequences and batch_size of the tests, described (columns of every row) and metadata.
    """
    manifest, settings = checkpoint.Manifest(**job["manifest"]), Settings(**job["settings"])
    size = engines.size_of(replace(manifest, dtype=settings.working))
    longest = max(len(ids) for path in job["training"] for ids in open_shard(path).sequences)
    precision = devices.resolve_precision(settings.precision, devices.pick_device())
    activations = engines.activation_bytes(size, settings.batch_size * longest, precision)
    given = engines.given(processes, nodes)
    if engines.choose(engine, "training", size, given, False, activations) == "single":
        train_arm(job, None)
    else:
        start(__name__, job, job["output"] + ".job", count=given.count, nodes=nodes, threads=threads)


def train_arm(job: dict, part: tuple[int, int] | None) -> None:
    """Train and measure one arm and write its rows. ``part``: (rank, processes) under ZeRO 2, None for this process alone."""
    manifest, settings, arm = checkpoint.Manifest(**job["manifest"]), Settings(**job["settings"]), job["arm"]
    if part:  # DeepSpeed's working copy is the model itself
        manifest = replace(manifest, dtype=settings.working)
    model = checkpoint.load(manifest, devices.pick_device())
    regions = open_regions(job["region"], model, manifest.hash)
    text = [ids for path in job["training"] for ids in open_shard(path, manifest.vocabulary_size).sequences]
    tests = [open_shard(path, manifest.vocabulary_size) for path in job["tests"]]

    def measure(training_samples: int | None, steps: int) -> pd.DataFrame:
        """All tested languages under the model as it is now."""
        rows = _measured(model, tests, job, settings.precision, part)
        return rows.assign(training_samples=training_samples, optimizer_steps=steps)

    frames = [measure(None, 0)]  # the unchanged model
    region = regions[0] if regions else None
    if part:
        trainer: Trainer = SpreadTrainer(model, region, arm["mode"], arm["master"], settings, part)
    else:
        trainer = Trainer(model, region, arm["mode"], arm["master"], settings)
    frames += [measure(*reached) for reached in further_pretrain(trainer, text, job["samples"])]
    if not part or part[0] == 0:
        _write(pd.concat(frames, ignore_index=True).assign(**job["described"]), job["output"], job["metadata"])


def _measured(
    model: torch.nn.Module, tests: list[TokenShard], job: dict, precision: str, part: tuple[int, int] | None
) -> pd.DataFrame:
    """Rows of all test shards in their order; several processes share them out and all get all rows."""
    rank, processes = part or (0, 1)
    found = {
        number: language_rows(model, tests[number], job["sequences"], job["batch_size"], precision)
        for number in range(rank, len(tests), processes)
    }
    if part:
        everyone: list[dict] = [{}] * processes
        torch.distributed.all_gather_object(everyone, found)
        found = {number: rows for of_one in everyone for number, rows in of_one.items()}
    return pd.concat([found[number] for number in range(len(tests))])


def _write(rows: pd.DataFrame, path: str, metadata: dict[str, str]) -> None:
    table = pa.Table.from_pandas(rows.astype({"training_samples": "Int64"}), preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


if __name__ == "__main__":
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as mine:
        train_arm(described, mine)
