"""What a model writes after prompts, greedily, while its neurons are counted.

With cached keys and values the first forward pass sees the whole prompt and each further one sees the token written last;
the token written last of all is never fed. So a text of N new tokens (its end mark included) has N passes, and the last
position of each is the last token of the prompt, then the new tokens but the last: what Mu et al. (2024) count.

Axes: B sequences of a batch, P forward passes of one text, L layers.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import StoppingCriteria, StoppingCriteriaList

from langatlas.activation_files import ActivationFile, Activations, total
from langatlas.files import atomic
from langatlas.locate.activations import POSITIONS, ActivationCounter
from langatlas.models import devices
from langatlas.models.gate import check_prompts
from langatlas.models.greedy import continued, grouped, padded
from langatlas.models.neurons import hooked, n_neurons

log = logging.getLogger(__name__)
CLASSES = tuple(POSITIONS)
SAVE_SECONDS = 60  # a killed job loses at most this much, and what a batch takes


@dataclass
class Written:
    """One text. ``ids``: new tokens without the end mark; ``ended``: whether the model set one.

    ``zero``, ``inhibited`` (P, L): how many neurons are at 0, and at or below 0, at the last position of each pass;
    ``all_zero``, ``all_inhibited`` (L): summed over all tokens that were fed, prompt included.
    """

    ids: list[int]
    ended: bool
    zero: list[list[int]]
    inhibited: list[list[int]]
    all_zero: list[int]
    all_inhibited: list[int]


class Announcer(StoppingCriteria):
    """Stops nothing: tells the counter, after each new token, which texts go on and where in them that token stands."""

    def __init__(self, counter: ActivationCounter, prompts_B: torch.Tensor, width: int, most: int, end_id: int):
        self.counter, self.prompts_B, self.width, self.most, self.end_id = counter, prompts_B, width, most, end_id

    def __call__(self, input_ids: torch.Tensor, scores, **kwargs) -> torch.Tensor:
        new_BN = input_ids[:, self.width :]
        # On a GPU `generate` may run one pass more than it needs before it sees that all texts have ended.
        writing_B = (new_BN != self.end_id).all(1) & (new_BN.shape[1] < self.most)
        places_B = self.prompts_B + new_BN.shape[1] - 1
        self.counter.expect(places_B[:, None], writing_B[:, None], self.prompts_B)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


@torch.inference_mode()
def write_batch(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    counter: ActivationCounter,
    *,
    max_new_tokens: int,
    end_id: int,
    precision: str,
) -> list[Written]:
    """Continue prompts together, padded on the left; padding and texts that have ended are not counted.

    The counter must have the classes CLASSES, keep passes by sequence, and have its hooks in place.
    """
    device = counter.device
    input_ids_BT, places_BT, prompts_B = padded(prompts, end_id, device)
    width = input_ids_BT.shape[1]
    counter.expect(places_BT, places_BT >= 0, prompts_B)
    first = len(counter.passes)
    with devices.autocast(precision, device):
        output = continued(
            model,
            input_ids_BT,
            (places_BT >= 0).long(),
            max_new_tokens=max_new_tokens,
            end_id=end_id,
            stopping_criteria=StoppingCriteriaList([Announcer(counter, prompts_B, width, max_new_tokens, end_id)]),
        )
    passes_PBLC2 = torch.stack(counter.passes[first:]).long().cpu().numpy()
    del counter.passes[first:]
    new = output[:, width:].tolist()
    neurons = counter.totals.shape[-1]
    return [_text(ids, end_id, passes_PBLC2[:, row], len(prompts[row]), neurons) for row, ids in enumerate(new)]


def _text(ids: list[int], end_id: int, passes_PLC2: np.ndarray, prompt: int, neurons: int) -> Written:
    ended = end_id in ids
    ids = ids[: ids.index(end_id)] if ended else ids
    count = len(ids) + ended  # tokens that were chosen, so many passes: later ones belong to others of the batch
    passes_PLC2 = passes_PLC2[:count]
    last = [CLASSES.index(name) for name in ("last_prompt", "generated")]
    zero_PL, positive_PL = (passes_PLC2[:, :, last, which].sum(-1) for which in (0, 1))
    zero_L, positive_L = (passes_PLC2[:, :, CLASSES.index("all"), which].sum(0) for which in (0, 1))
    fed = (prompt + count - 1) * neurons
    return Written(
        ids,
        ended,
        zero_PL.tolist(),
        (neurons - positive_PL).tolist(),
        zero_L.tolist(),
        (fed - positive_L).tolist(),
    )


class Progress:
    """What a killed job had finished of one condition: the statistics so far, and the texts behind them.

    The texts are written first, so that the file of statistics, which says how many batches it holds, never has more.
    ``key``: settings that must be the same for the texts to count.
    """

    def __init__(self, folder: str | os.PathLike, condition: str, key: Mapping):
        self.texts = Path(folder) / f"{condition}.json"
        self.statistics = Path(folder) / f"{condition}.safetensors"
        self.key = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def read(self) -> tuple[list[list[Written]], Activations | None]:
        """Finished batches and their statistics; none where nothing fits."""
        if not (self.texts.exists() and self.statistics.exists()):
            return [], None
        saved, counted = json.loads(self.texts.read_text(encoding="utf-8")), ActivationFile(self.statistics)
        if saved["key"] != self.key or counted.metadata["key"] != self.key:
            return [], None
        finished = int(counted.metadata["finished"])
        return [[Written(**text) for text in batch] for batch in saved["batches"][:finished]], counted.read()

    def save(self, batches: Sequence[Sequence[Written]], counted: Activations) -> None:
        """Put down the batches finished so far."""
        with atomic(self.texts) as path:
            document = {"key": self.key, "batches": [[asdict(text) for text in batch] for batch in batches]}
            path.write_text(json.dumps(document), encoding="utf-8")
        counted.write(self.statistics, {"key": self.key, "finished": str(len(batches))})


def write_texts(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    reading: str,
    batch_size: int,
    max_new_tokens: int,
    end_id: int,
    precision: str,
    progress: Progress | None = None,
) -> tuple[list[Written], Activations]:
    """Continue all prompts, those of like length together: the texts in the prompts' order, and the statistics of all.

    ``progress``: where finished batches are kept, and taken from. Raises ValueError as ``gate.check_prompts`` does.
    """
    precision = devices.resolve_precision(precision, next(model.parameters()).device)
    groups = grouped(prompts, batch_size)
    finished, before = progress.read() if progress else ([], None)
    if finished:
        log.info("%d of %d batches were finished before", len(finished), len(groups))
    check_prompts(model, prompts, max_new_tokens)
    counter = ActivationCounter(model, classes=CLASSES, by_sequence=True)

    def counted() -> Activations:
        return counter.result() if before is None else total([before, counter.result()])

    saved = time.monotonic()
    with hooked(model, reading, counter.hooks):
        for group in tqdm(groups[len(finished) :], unit=" batches", mininterval=2):
            together = [prompts[number] for number in group]
            settings = {"max_new_tokens": max_new_tokens, "end_id": end_id, "precision": precision}
            finished.append(write_batch(model, together, counter, **settings))
            if progress and time.monotonic() - saved > SAVE_SECONDS:
                progress.save(finished, counted())
                saved = time.monotonic()
    found = counted()
    if progress:
        progress.save(finished, found)
    places = np.argsort(np.concatenate(groups))
    texts = [text for batch in finished for text in batch]
    return [texts[place] for place in places], found


def shape_of(model: torch.nn.Module) -> dict[str, str]:
    """Layers and neurons of a layer, as metadata of the rows."""
    layers, neurons = n_neurons(model)
    return {"layers": str(layers), "neurons": str(neurons)}
