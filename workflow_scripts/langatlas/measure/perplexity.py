"""NLL of every test sequence: one row each, nothing averaged."""

import logging
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from langatlas.intervene.index import BASE
from langatlas.intervene.sweep import Observe
from langatlas.measure.job import Job
from langatlas.models import devices
from langatlas.models.nll import Batch, batches, token_nll
from langatlas.tokens import TokenShard, open_shard

log = logging.getLogger(__name__)
SCHEMA = [
    pa.field("sequence", pa.int64()),
    pa.field("nll_nats", pa.float64()),
    pa.field("n_tokens", pa.int64()),
    pa.field("n_bytes", pa.int64()),
    pa.field("n_characters", pa.int64()),
]


def prepare(model: torch.nn.Module, job: Job) -> Observe:
    """Observes all sequences of the test shard. Raises ValueError when the NLL of the unchanged model is not finite."""
    shard = open_shard(job.inputs["shard"], job.manifest.vocabulary_size)
    device = next(model.parameters()).device
    precision = devices.resolve_precision(job.precision, device)
    prepared = [batch.to(device) for batch in batches(shard.sequences, job.batch_size, by_length=True)]
    tokens = sum(batch.n_predicted for batch in prepared)

    def observe(intervention: str) -> pd.DataFrame:
        started = time.perf_counter()
        nll = sequence_nll(model, prepared, len(shard), precision)
        if intervention == BASE and not np.isfinite(nll).all():
            first = int(np.flatnonzero(~np.isfinite(nll))[0])
            raise ValueError(f"{shard.path}: the NLL of sequence {first} is not finite before any change")
        log.debug("%s: %.0f tokens/s", intervention, tokens / (time.perf_counter() - started))
        return pd.DataFrame(_measured(nll, shard))

    return observe


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
