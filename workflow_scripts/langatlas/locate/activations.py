"""Activation statistics: how often and how strongly each neuron is active on text, in one pass.

Axes: B sequences of a batch, G groups that are reduced together, C position classes, T tokens, L layers, F neurons of a layer,
S sequences.
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

# Which tokens a class counts: from their places in the text (B, T), from 0, and the lengths of the prompts (B, 1) to (B, T).
# Statistics of all classes come from the same pass.
POSITIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "all": lambda places, prompts: places >= 0,
    "last_prompt": lambda places, prompts: places == prompts - 1,
    "generated": lambda places, prompts: places >= prompts,
}


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
        layers, width = n_neurons(model)
        # What is summed: SUMMED. Within a batch in fp32, in which counts below 2^24 are exact; over batches in float64.
        shape = (len(SUMMED), len(self.classes), layers, width)
        self.totals = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self.tokens = torch.zeros(len(self.classes), dtype=torch.int64, device=self.device)
        self.means = np.zeros((layers, keep_means, width), np.float32)
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
        prompts_B1 = prompts_B[:, None]
        chosen = [POSITIONS[name](places_BT, prompts_B1) & real_BT for name in self.classes]
        self._weights_BCT, self._index, self._begun = torch.stack(chosen, 1).float(), index, False
        if index is None and places_BT.shape[1] == 1:
            # One token each: all of them are reduced together, as if they were one text.
            self._weights_GCT, self._spans = self._weights_BCT.permute(2, 1, 0), [(0, len(places_BT))]
            return
        lengths_B = real_BT.sum(1)
        first_B = real_BT.int().argmax(1) * (lengths_B > 0)
        self._weights_GCT = self._weights_BCT
        self._spans = torch.stack([first_B, first_B + lengths_B], 1).tolist()

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
            groups, width = len(self._spans), values.shape[-1]
            if values.numel() != self._weights_BCT[:, 0].numel() * width:
                raise ValueError(
                    f"activations of shape {tuple(values.shape)} are not of the tokens that were announced"
                )
            values_GTF = values.reshape(groups, -1, width)  # OPT's layers are given (B * T, F)
            sums_4CF = torch.zeros(len(SUMMED), len(self.classes), width, device=self.device)
            counts_2GT = torch.zeros(2, *values_GTF.shape[:2], device=self.device) if self._by_sequence else None
            for row, (start, stop) in enumerate(self._spans):  # one sequence at a time stays in the processor's cache
                if start == stop:
                    continue
                values_TF = values_GTF[row, start:stop].float()
                counts_2T = None if counts_2GT is None else counts_2GT[:, row, start:stop]
                part_4CF = self._reduce(values_TF, self._weights_GCT[row, :, start:stop], counts_2T)
                sums_4CF += part_4CF
                if self._index is not None and (number := self._index[row]) < self.means.shape[1]:
                    total_F = part_4CF[0, 0] if self.classes == ["all"] else values_TF.sum(0)
                    self.means[layer, number] = (total_F / (stop - start)).cpu().numpy()
            self.totals[:, :, layer] += sums_4CF
            if counts_2GT is not None:
                self.passes[-1][:, layer] = self._by_class(counts_2GT, width)

        return look

    def _by_class(self, counts_2GT: torch.Tensor, width: int) -> torch.Tensor:
        """Zero and positive activations of each sequence and class, (B, C, 2), from sums of signs and positives of tokens."""
        weights_BCT = self._weights_BCT.double()
        signs_BT, positive_BT = counts_2GT.double().reshape(2, len(weights_BCT), -1)
        zero_BT = width - positive_BT - (positive_BT - signs_BT)
        return torch.einsum("bct,btk->bck", weights_BCT, torch.stack([zero_BT, positive_BT], -1))

    def _reduce(
        self, values_TF: torch.Tensor, weights_CT: torch.Tensor, counts_2T: torch.Tensor | None
    ) -> torch.Tensor:
        """SUMMED over the tokens of each class, (4, C, F); products with 0 and 1 are faster than sums of booleans.

        ``counts_2T`` is given the sums over neurons of the signs and of the positives.
        """
        if self._scratch.numel() < values_TF.numel():
            self._scratch = torch.empty(values_TF.numel(), device=self.device)
        scratch_TF = self._scratch[: values_TF.numel()].view(values_TF.shape)
        found_4CF = torch.empty(len(SUMMED), len(weights_CT), values_TF.shape[1], device=self.device)
        with torch.autocast(self.device.type, enabled=False):  # in bfloat16 no count above 256 would be exact
            torch.mm(weights_CT, values_TF, out=found_4CF[0])
            torch.mm(weights_CT, torch.mul(values_TF, values_TF, out=scratch_TF), out=found_4CF[1])
            torch.mm(weights_CT, torch.sign(values_TF, out=scratch_TF), out=found_4CF[2])
            if counts_2T is not None:
                counts_2T[0] = scratch_TF.sum(1)
            torch.mm(weights_CT, scratch_TF.clamp_(min=0), out=found_4CF[3])
            if counts_2T is not None:
                counts_2T[1] = scratch_TF.sum(1)
        return found_4CF

    def result(self) -> Activations:
        """What was counted, on the CPU."""
        tokens = dict(zip(self.classes, self.tokens.tolist(), strict=True))
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
