"""Activation statistics: how often and how strongly each neuron is active on text, in one pass.

Axes: B sequences of a batch, T tokens of one, N tokens that are reduced together, K sequences whose means are kept,
C position classes, L layers, F neurons of a layer.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from langatlas.activation_files import COUNTS, SUMS, Activations
from langatlas.models import devices
from langatlas.models.neurons import hooked, n_neurons
from langatlas.models.nll import Batch, batches

log = logging.getLogger(__name__)
SUMMED = (*SUMS, "sign", "positive")  # how many are negative and zero follows
# Activations that are reduced together, at least one sequence's: more of them cost fewer calls, until on a CPU they leave its
# caches. The scratch beside them is as large, on a GPU at most 256 MiB.
TOGETHER = {"cpu": 2**18, "cuda": 2**26}

# Which tokens a class counts: from their places in the text (B, T), from 0, and the lengths of the prompts (B, 1) to (B, T).
# Statistics of all classes come from the same pass.
POSITIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "all": lambda places, prompts: places >= 0,
    "last_prompt": lambda places, prompts: places == prompts - 1,
    "generated": lambda places, prompts: places >= prompts,
}


@dataclass(frozen=True)
class Span:
    """Tokens of a forward pass that are reduced together: whole sequences, one behind the other."""

    tokens: slice  # of (B * T)
    weights_CN: torch.Tensor  # 1 where a class counts the token
    numbers: np.ndarray  # sequences whose mean activations are kept (K)
    shares_KN: torch.Tensor  # 1 / length at the tokens of each of them


class ActivationCounter:
    """Sums over tokens for every position class and neuron. Give its ``hooks`` to ``hooked`` and announce each forward pass.

    ``by_sequence``: keep also, for each forward pass, how many neurons of each sequence are how often active: ``passes``.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        keep_means: int = 0,
        classes: Sequence[str] = ("all",),
        *,
        by_sequence: bool = False,
    ):
        self.classes = list(classes)
        self.device = next(model.parameters()).device
        layers, self.width = n_neurons(model)
        # What is summed: SUMMED. Within a span in fp32, in which counts below 2^24 are exact; over spans in float64.
        shape = (layers, len(SUMMED), len(self.classes), self.width)
        self.totals = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self.tokens = torch.zeros(len(self.classes), dtype=torch.int64, device=self.device)
        self.means = np.zeros((layers, keep_means, self.width), np.float32)
        self.hooks = {layer: self._hook(layer) for layer in range(layers)}
        self.passes: list[torch.Tensor] = []  # one a forward pass: (B, L, C, 2), zero and positive activations
        self._by_sequence = by_sequence
        self._scratch = torch.empty(0, device=self.device)

    def announce(self, batch: Batch) -> None:
        """The batch of whole texts that runs next, padded on the right."""
        places = torch.arange(batch.input_ids_BT.shape[1], device=self.device).expand(batch.input_ids_BT.shape)
        self.expect(places, places < batch.lengths_B[:, None], batch.lengths_B, batch.index)

    def expect(
        self,
        places_BT: torch.Tensor,
        real_BT: torch.Tensor,
        prompts_B: torch.Tensor,
        index: np.ndarray | None = None,
    ) -> None:
        """The tokens of the forward pass that runs next, if one does.

        ``places_BT``: where each stands in its text; ``real_BT``: which are no padding and belong to a text that is not
        finished, next to each other; ``prompts_B``: lengths of the prompts; ``index``: places of the sequences in the data.
        """
        chosen = [POSITIONS[name](places_BT, prompts_B[:, None]) & real_BT for name in self.classes]
        self._weights_BCT, self._begun = torch.stack(chosen, 1).float(), False
        nobody = np.full(len(real_BT), self.means.shape[1])  # of whom no mean is kept
        self._spans = list(self._cut(real_BT, nobody if index is None else index))

    def _cut(self, real_BT: torch.Tensor, index: np.ndarray) -> Iterator[Span]:
        """Spans of a forward pass: sequences that are padded on the right together, others each without its padding.

        ``index``: places of the sequences in the data (B), which say whose means are kept.
        """
        lengths_B, length = real_BT.sum(1), real_BT.shape[1]
        first_B = real_BT.int().argmax(1) * (lengths_B > 0)
        together = max(1, TOGETHER[self.device.type] // (length * self.width))
        if first_B.any():
            together = 1  # what stands before a text may be no number, which times 0 is none either
        weights_CBT = self._weights_BCT.transpose(0, 1)
        for row in range(0, len(real_BT), together):
            rows = slice(row, row + together)
            start, stop = 0, length * len(real_BT[rows])
            if together == 1:
                start, stop = int(first_B[row]), int(first_B[row] + lengths_B[row])
            if start == stop:
                continue
            kept = np.flatnonzero(index[rows] < self.means.shape[1])
            # Only the sequence itself has a share in its mean.
            own_KB1 = torch.eye(len(real_BT[rows]), device=self.device)[kept, :, None]
            shares_KBT = own_KB1 * real_BT[rows] / lengths_B[rows, None].clamp(min=1)
            yield Span(
                slice(row * length + start, row * length + stop),
                weights_CBT[:, rows].flatten(1)[:, start:stop].contiguous(),
                index[rows][kept],
                shares_KBT.flatten(1)[:, start:stop].contiguous(),
            )

    def _begin(self) -> None:
        """The announced pass runs: the one that is announced after the last token of a text never does."""
        self._begun = True
        self.tokens += self._weights_BCT.sum((0, 2)).long()
        if self._by_sequence:
            batch, classes, _ = self._weights_BCT.shape
            shape = (batch, len(self.hooks), classes, 2)
            self.passes.append(torch.zeros(shape, dtype=torch.float64, device=self.device))

    def _hook(self, layer: int):
        def look(values: torch.Tensor) -> None:
            if not self._begun:
                self._begin()
            tokens = self._weights_BCT[:, 0].numel()
            if values.numel() != tokens * self.width:
                raise ValueError(
                    f"activations of shape {tuple(values.shape)} are not of the tokens that were announced"
                )
            values_NF = values.reshape(tokens, self.width)  # most layers are given (B, T, F), OPT's (B * T, F)
            counts_2N = torch.zeros(2, tokens, device=self.device) if self._by_sequence else None
            with torch.autocast(self.device.type, enabled=False):  # in bfloat16 no count above 256 would be exact
                for span in self._spans:
                    part_NF = values_NF[span.tokens].float()
                    counted_2N = None if counts_2N is None else counts_2N[:, span.tokens]
                    self.totals[layer] += self._reduce(part_NF, span.weights_CN, counted_2N)
                    if len(span.numbers):
                        self.means[layer, span.numbers] = torch.mm(span.shares_KN, part_NF).cpu().numpy()
            if counts_2N is not None:
                self.passes[-1][:, layer] = self._by_class(counts_2N)

        return look

    def _by_class(self, counts_2N: torch.Tensor) -> torch.Tensor:
        """Zero and positive activations of each sequence and class, (B, C, 2), from sums of signs and positives of tokens."""
        weights_BCT = self._weights_BCT.double()
        signs_BT, positive_BT = counts_2N.double().reshape(2, len(weights_BCT), -1)
        zero_BT = self.width - positive_BT - (positive_BT - signs_BT)
        return torch.einsum("bct,btk->bck", weights_BCT, torch.stack([zero_BT, positive_BT], -1))

    def _reduce(
        self, values_NF: torch.Tensor, weights_CN: torch.Tensor, counts_2N: torch.Tensor | None
    ) -> torch.Tensor:
        """SUMMED over the tokens of each class, (4, C, F); products with 0 and 1 are faster than sums of booleans.

        ``counts_2N`` is given the sums over neurons of the signs and of the positives.
        """
        if self._scratch.numel() < values_NF.numel():
            self._scratch = torch.empty(values_NF.numel(), device=self.device)
        scratch_NF = self._scratch[: values_NF.numel()].view(values_NF.shape)
        found_4CF = torch.empty(len(SUMMED), len(weights_CN), values_NF.shape[1], device=self.device)
        torch.mm(weights_CN, values_NF, out=found_4CF[0])
        torch.mm(weights_CN, torch.mul(values_NF, values_NF, out=scratch_NF), out=found_4CF[1])
        torch.mm(weights_CN, torch.sign(values_NF, out=scratch_NF), out=found_4CF[2])
        if counts_2N is not None:
            counts_2N[0] = scratch_NF.sum(1)
        torch.mm(weights_CN, scratch_NF.clamp_(min=0), out=found_4CF[3])
        if counts_2N is not None:
            counts_2N[1] = scratch_NF.sum(1)
        return found_4CF

    def result(self) -> Activations:
        """What was counted, on the CPU."""
        tokens = dict(zip(self.classes, self.tokens.tolist(), strict=True))
        statistics = {}
        for number, (name, count) in enumerate(tokens.items()):
            found = dict(zip(SUMMED, self.totals[:, :, number].transpose(0, 1).cpu().numpy(), strict=True))
            found["negative"] = found["positive"] - found.pop("sign")
            found["zero"] = count - found["positive"] - found["negative"]
            found |= {counted: np.nan_to_num(found[counted]).round().astype(np.int64) for counted in COUNTS}
            statistics |= {f"{name}.{statistic}": found[statistic] for statistic in (*COUNTS, *SUMS)}
        return Activations(statistics, tokens, list(self.means) if self.means.shape[1] else [])


@torch.inference_mode()
def activations_of(
    model: torch.nn.Module,
    sequences: Sequence[np.ndarray],
    *,
    reading: str,
    keep_means: int = 0,
    batch_size: int,
    precision: str,
) -> Activations:
    """Statistics of the activations of every neuron over ``sequences``, padding not counted.

    ``keep_means``: so many sequences, from the first, also get their own mean activation. ``reading``: ``neurons.READINGS``.
    The output layer is not run: it costs as much as the blocks and says nothing about neurons.
    """
    device = next(model.parameters()).device
    precision = devices.resolve_precision(precision, device)
    counter = ActivationCounter(model, min(keep_means, len(sequences)))
    started = time.perf_counter()
    with hooked(model, reading, counter.hooks):
        for batch in tqdm(list(batches(list(sequences), batch_size, by_length=True)), unit=" batches", mininterval=2):
            batch = batch.to(device)
            counter.announce(batch)
            with devices.autocast(precision, device):
                model.base_model(input_ids=batch.input_ids_BT, use_cache=False)
    found = counter.result()
    log.info("%d sequences, %.0f tokens/s", len(sequences), found.tokens["all"] / (time.perf_counter() - started))
    return found
