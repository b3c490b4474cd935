"""One arm of further pretraining, measured as it trains; here or spread over several processes by DeepSpeed's ZeRO 2."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch

from langatlas.intervene.distributed import SpreadTrainer
from langatlas.intervene.pretraining import Settings, Trainer, further_pretrain
from langatlas.intervene.removal import open_regions
from langatlas.intervene.swap import write_variant
from langatlas.measure import perplexity
from langatlas.measure.job import write_rows
from langatlas.measure.perplexity import language_rows
from langatlas.models import checkpoint, devices
from langatlas.models import engine as engines
from langatlas.models.processes import joined, start
from langatlas.tokens import TokenShard, open_shard

SCHEMA = [
    pa.field("language", pa.string()),
    pa.field("training_samples", pa.int64()),  # null: before anything was done
    pa.field("optimizer_steps", pa.int64()),
    *perplexity.SCHEMA,
]


def run(job: dict, *, engine: str, processes: int | None, nodes: int, threads: int) -> None:
    """One arm, here or in several processes, whichever the model's size and the devices ask for.

    ``job`` holds, as JSON takes it: manifest, arm (mode, side, master, seed), settings, region, training, tests and output
    (paths), variant (folder that the trained weights are kept in, or None), samples (milestones), sequences and batch_size of the
    tests, described (columns of every row) and metadata.
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
        rows = pd.concat(frames, ignore_index=True)
        write_rows(rows, job["output"], SCHEMA, job["described"], job["metadata"])
        if job["variant"]:
            computed = devices.resolve_precision(settings.precision, devices.pick_device())
            made = {**job["described"], **job["settings"], "precision": computed, "samples": job["samples"][-1]}
            whole = trainer.model.module if part else trainer.model
            write_variant(
                whole, checkpoint.Manifest(**job["manifest"]), job["variant"], {"recipe": made} | job["metadata"]
            )


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


if __name__ == "__main__":
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as mine:
        train_arm(described, mine)
