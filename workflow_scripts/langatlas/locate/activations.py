"""Activation statistics: how often and how strongly each neuron is active on text, in one pass.

Axes: B sequences of a batch, C position classes, T tokens, L layers, F neurons of a layer, S sequences.
"""

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tqdm import tqdm

from langatlas.locate.activation_files import COUNTS, SUMS, Activations
from langatlas.models import devices
from langatlas.models.neurons import hooked, n_neurons
from langatlas.models.nll import Batch, batches

log = logging.getLogger(__name__)
SUMMED = (*SUMS, "sign", "positive")  # how many are negative and zero follows

# Which positions of a sequence a class counts: from positions (1, T) and true lengths (B, 1) to (B, T). Another class (the
# last token of a prompt, generated tokens) is one more entry; statistics of all classes come from the same pass.
POSITIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "all": lambda positions, lengths: positions < lengths,
}


class ActivationCounter:
    """Sums over tokens for every position class and neuron. Give its ``hooks`` to ``hooked`` and announce each batch."""

    def __init__(self, model: torch.nn.Module, keep_means: int = 0, classes: Sequence[str] = ("all",)):
        self.classes = list(classes)
        self.device = next(model.parameters()).device
        layers, width = n_neurons(model)
        # What is summed: SUMMED. Within a batch in fp32, in which counts below 2^24 are exact; over batches in float64.
        shape = (len(SUMMED), len(self.classes), layers, width)
        self.totals = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self.tokens = torch.zeros(len(self.classes), dtype=torch.int64)
        self.means = np.zeros((layers, keep_means, width), np.float32)
        self.hooks = {layer: self._hook(layer) for layer in range(layers)}
        self._scratch = torch.empty(0, device=self.device)

    def announce(self, batch: Batch) -> None:
        """The batch that runs next: which of its positions belong to which class."""
        positions = torch.arange(batch.input_ids_BT.shape[1], device=self.device)[None]
        lengths = batch.lengths_B[:, None]
        chosen_BCT = torch.stack([POSITIONS[name](positions, lengths) for name in self.classes], 1)
        self.tokens += chosen_BCT.sum((0, 2)).cpu()
        self._weights_BCT, self._lengths = chosen_BCT.float(), batch.lengths_B.tolist()
        self._index = batch.index

    def _hook(self, layer: int):
        def look(values: torch.Tensor) -> None:
            values_BTF = values.reshape(len(self._lengths), -1, values.shape[-1])  # OPT's layers are given (B * T, F)
            sums_4CF = torch.zeros(len(SUMMED), len(self.classes), values.shape[-1], device=self.device)
            for row, length in enumerate(self._lengths):  # one sequence at a time stays in the processor's cache
                values_TF = values_BTF[row, :length].float()
                part_4CF = self._reduce(values_TF, self._weights_BCT[row, :, :length])
                sums_4CF += part_4CF
                if (number := self._index[row]) < self.means.shape[1]:
                    total_F = part_4CF[0, 0] if self.classes == ["all"] else values_TF.sum(0)
                    self.means[layer, number] = (total_F / length).cpu().numpy()
            self.totals[:, :, layer] += sums_4CF

        return look

    def _reduce(self, values_TF: torch.Tensor, weights_CT: torch.Tensor) -> torch.Tensor:
        """SUMMED over the positions of each class, (4, C, F); products with 0 and 1 are faster than sums of booleans."""
        if self._scratch.numel() < values_TF.numel():
            self._scratch = torch.empty(values_TF.numel(), device=self.device)
        scratch_TF = self._scratch[: values_TF.numel()].view(values_TF.shape)
        found_4CF = torch.empty(len(SUMMED), len(weights_CT), values_TF.shape[1], device=self.device)
        with torch.autocast(self.device.type, enabled=False):  # in bfloat16 no count above 256 would be exact
            torch.mm(weights_CT, values_TF, out=found_4CF[0])
            torch.mm(weights_CT, torch.mul(values_TF, values_TF, out=scratch_TF), out=found_4CF[1])
            torch.mm(weights_CT, torch.sign(values_TF, out=scratch_TF), out=found_4CF[2])
            torch.mm(weights_CT, scratch_TF.clamp_(min=0), out=found_4CF[3])
        return found_4CF

    def result(self) -> Activations:
        """What was counted, on the CPU."""
        tokens = {name: int(count) for name, count in zip(self.classes, self.tokens, strict=True)}
        statistics = {}
        for number, (name, count) in enumerate(tokens.items()):
            found = dict(zip(SUMMED, self.totals[:, number].cpu().numpy(), strict=True))
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
