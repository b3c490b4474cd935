"""The one place where negative log-likelihood is computed. Every loss and perplexity of the project reduces this.

Axes: B sequences of a batch, T tokens, V vocabulary.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Batch:
    """Sequences padded on the right. ``index`` holds their places in the data, ``lengths`` their true lengths."""

    input_ids_BT: torch.Tensor
    lengths_B: torch.Tensor
    index: np.ndarray

    @property
    def n_predicted(self) -> int:
        """Number of predicted tokens: all but the first of each sequence."""
        return int(self.lengths_B.sum()) - len(self.lengths_B)

    def to(self, device: torch.device) -> "Batch":
        return Batch(self.input_ids_BT.to(device), self.lengths_B.to(device), self.index)


def pad(sequences: list[np.ndarray], index: Iterable[int]) -> Batch:
    """Pad to the longest sequence with id 0. Under causal attention no real token ever sees the padding after it."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    input_ids_BT = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in zip(input_ids_BT, sequences, strict=True):
        row[: len(sequence)] = torch.from_numpy(np.asarray(sequence, np.int64))
    return Batch(input_ids_BT, lengths, np.asarray(list(index)))


def empty_batch() -> Batch:
    """A batch that predicts nothing: its NLL is zero and so is its gradient. Its index is empty."""
    return Batch(torch.zeros(1, 2, dtype=torch.long), torch.ones(1, dtype=torch.long), np.arange(0))


def batches(
    sequences: list[np.ndarray], batch_size: int, *, by_length: bool = False, part: tuple[int, int] = (0, 1)
) -> Iterator[Batch]:
    """Cut sequences into padded batches, in their order, or (less padding) from the longest to the shortest.

    ``part``: (rank, processes), of several processes that deal the batches out; each gets equally many, some of them empty.
    """
    order = np.arange(len(sequences))
    if by_length:
        order = np.argsort([-len(sequence) for sequence in sequences], kind="stable")
    rank, processes = part
    for start in range(0, len(order), batch_size * processes):
        index = order[start + rank * batch_size :][:batch_size]
        if rank and not len(index):
            yield empty_batch()
        else:
            yield pad([sequences[i] for i in index], index)


def token_nll(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Negative log-likelihood in nats of every token given those before it.

    Shapes: returns (B, T - 1), fp32; position t holds -log p(x_{t+1} | x_{<=t}), zero behind a sequence's end.
    The softmax is taken in fp32 whatever the precision of the model.
    """
    logits_BTV = model(input_ids=batch.input_ids_BT, use_cache=False).logits
    # The last position predicts nothing. To ignore it, and not to cut it off, saves a copy of the logits and of their gradient.
    positions = torch.arange(1, batch.input_ids_BT.shape[1] + 1, device=logits_BTV.device)
    targets_BT = batch.input_ids_BT.roll(-1, 1).masked_fill(positions >= batch.lengths_B[:, None], -100)
    losses = cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), ignore_index=-100, reduction="none")
    return losses.view(targets_BT.shape)[:, :-1]
