"""Measures of a tiny model as the workflow takes them, without its files."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from langatlas.intervene.index import Intervention
from langatlas.intervene.removal import Removal, columns_of
from langatlas.intervene.sweep import sweep
from langatlas.measure import perplexity
from langatlas.measure.job import Job
from langatlas.models.checkpoint import Manifest
from langatlas.region import Region
from tiny import write_shard


def manifest_of(model: torch.nn.Module, model_hash: str = "h") -> Manifest:
    """A manifest of a model that lies in no folder."""
    return Manifest("tiny", "", "1", model.config.model_type, model.config.vocab_size, model_hash, "float32")


def named(interventions: Sequence[Intervention]) -> dict[str, Intervention]:
    return {f"{one.kind}-{number}": one for number, one in enumerate(interventions, 1)}


def removal_of(path, model_hash: str = "abc", **more) -> Removal:
    """The removal of a region file."""
    return Removal(columns_of(Region.open(path)), str(path), model_hash, **more)


def nll_rows(model, sequences, interventions: Sequence[Intervention] = (), batch_size: int = 2) -> pd.DataFrame:
    """NLL of the sequences of ``tiny.arrow``: of the model as it is, then under each intervention."""
    with tempfile.TemporaryDirectory() as folder:
        shard = write_shard(Path(folder) / "tiny.arrow", sequences)
        job = Job(manifest_of(model), "ru", {"shard": shard}, {}, batch_size, "float32")
        return sweep(model, named(interventions), perplexity.prepare(model, job))
