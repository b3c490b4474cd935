"""NLL of every test sequence under every intervention: one row each, nothing averaged."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from langatlas.files import atomic
from langatlas.intervene import sweep as intervene
from langatlas.intervene.sweep import COLUMNS, Intervention, describe
from langatlas.models import devices
from langatlas.models.nll import Batch, batches, token_nll
from langatlas.tokens import TokenShard

log = logging.getLogger(__name__)

# One row per (intervention, sequence). Columns of the intervention are null in the rows of the base.
SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("experiment", pa.string()),
        ("language", pa.string()),
        *COLUMNS,
        ("sequence", pa.int64()),
        ("nll_nats", pa.float64()),
        ("n_tokens", pa.int64()),
        ("n_bytes", pa.int64()),
        ("n_characters", pa.int64()),
    ]
)


@torch.inference_mode()
def sequence_nll(model: torch.nn.Module, prepared: Sequence[Batch], count: int, precision: str) -> np.ndarray:
    """NLL in nats of each of ``count`` sequences (float64), in the order of the data. ``precision``: already resolved."""
    device = next(model.parameters()).device
    nll = np.empty(count, np.float64)
    for batch in prepared:
        with devices.autocast(precision, device):
            losses_BT = token_nll(model, batch)
        nll[batch.index] = losses_BT.double().sum(1).cpu().numpy()
    return nll


def sweep(
    model: torch.nn.Module,
    shard: TokenShard,
    interventions: Sequence[Intervention],
    *,
    batch_size: int,
    precision: str,
    include_norms: bool = False,
) -> pd.DataFrame:
    """Base, then every region removed, edit made and clamp held in turn: rows with the columns of SCHEMA from ``region`` on.

    The model is changed in place and restored, which is checked (``intervene.sweep``). Raises ValueError when the base NLL
    of a sequence is not finite.
    """
    device = next(model.parameters()).device
    precision = devices.resolve_precision(precision, device)
    prepared = [batch.to(device) for batch in batches(shard.sequences, batch_size, by_length=True)]
    frames, started, tokens = [], time.perf_counter(), 0

    def measure() -> np.ndarray:
        return sequence_nll(model, prepared, len(shard), precision)

    for intervention, nll in intervene.sweep(model, interventions, measure, include_norms=include_norms):
        if intervention is None and not np.isfinite(nll).all():
            first = int(np.flatnonzero(~np.isfinite(nll))[0])
            raise ValueError(f"{shard.path}: the NLL of sequence {first} is not finite before any change")
        frames.append(_rows(intervention, nll, shard))
        tokens += sum(batch.n_predicted for batch in prepared)
    log.info("%d interventions, %.0f tokens/s", len(frames), tokens / (time.perf_counter() - started))
    return pd.concat(frames, ignore_index=True)


def language_rows(
    model: torch.nn.Module, shard: TokenShard, count: int | None, batch_size: int, precision: str
) -> pd.DataFrame:
    """NLL of the first ``count`` sequences of a shard (None: all) under the model as it is: language and measured columns."""
    model.eval()
    device = next(model.parameters()).device
    precision = devices.resolve_precision(precision, device)
    sequences = shard.sequences[:count]
    prepared = [batch.to(device) for batch in batches(sequences, batch_size, by_length=True)]
    nll = sequence_nll(model, prepared, len(sequences), precision)
    return pd.DataFrame(_measured(nll, shard)).assign(language=shard.metadata["language"])


def _rows(intervention: Intervention | None, nll: np.ndarray, shard: TokenShard) -> pd.DataFrame:
    return pd.DataFrame(_measured(nll, shard)).assign(**describe(intervention))


def _measured(nll: np.ndarray, shard: TokenShard) -> dict[str, np.ndarray | list]:
    """Columns of the first len(nll) sequences of a shard."""
    count = len(nll)
    return {
        "sequence": np.arange(count),
        "nll_nats": nll,
        "n_tokens": [len(ids) - 1 for ids in shard.sequences[:count]],
        "n_bytes": shard.n_bytes[:count],
        "n_characters": shard.n_characters[:count],
    }


def write_rows(
    rows: pd.DataFrame, path: str | Path, *, model: str, experiment: str, language: str, metadata: dict[str, str]
) -> None:
    """Write rows as Parquet with the columns and types of SCHEMA and provenance in the file's metadata."""
    rows = rows.assign(model=model, experiment=experiment, language=language)
    table = pa.Table.from_pandas(rows, SCHEMA.with_metadata(metadata), preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
