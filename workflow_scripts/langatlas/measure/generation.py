"""What a model writes, greedily, and numbers about the text."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from langatlas.intervene.sweep import Observe
from langatlas.measure.job import Job
from langatlas.models import devices
from langatlas.models.gate import check_prompts
from langatlas.models.greedy import continued, grouped, padded
from langatlas.tokens import TextTokenizer, open_shard

NGRAM = 3
LEAST_PROBABILITY = 0.5  # a restricted identifier must choose some language; below this nothing is said


@torch.inference_mode()
def greedy(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    end_id: int,
    precision: str,
    batch_size: int,
) -> list[list[int]]:
    """Most probable continuations, up to and without the end token: a list of ids for each prompt.

    ``batch_size`` prompts of like length run together, padded on the left; in float32 each comes out as if it ran alone.
    """
    device = next(model.parameters()).device
    written: list[list[int]] = [[] for _ in prompts]
    for group in grouped(prompts, batch_size):
        input_ids_BT, places_BT, _ = padded([prompts[number] for number in group], end_id, device)
        with devices.autocast(precision, device):
            mask_BT = (places_BT >= 0).long()
            output = continued(model, input_ids_BT, mask_BT, max_new_tokens=max_new_tokens, end_id=end_id)
        for number, row in zip(group, output[:, input_ids_BT.shape[1] :].tolist(), strict=True):
            written[number] = row[: row.index(end_id)] if end_id in row else row
    return written


def repetition_rate(ids: Sequence[int], n: int = NGRAM) -> float:
    """Share of the n-grams of tokens that stood before in the same text; 0 where it has none."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def replacement_rate(text: str) -> float:
    """Share of U+FFFD among the characters: bytes that are no UTF-8. 0 for an empty text."""
    return text.count("\ufffd") / len(text) if text else 0.0


class LanguageIdentifier:
    """py3langid among the given languages; a label that it does not know is never said.

    ``known``: those that it chooses among, none where there are fewer than two: of one language every text would be.
    """

    def __init__(self, labels: Iterable[str]):
        from py3langid.langid import MODEL_FILE
        from py3langid.langid import LanguageIdentifier as Identifier

        self._identifier = Identifier.from_model_file(MODEL_FILE, norm_probs=True)
        known = [label for label in labels if label in self._identifier.nb_classes]
        self.known = known if len(known) > 1 else []
        if self.known:
            self._identifier.set_languages(self.known)

    def identify(self, text: str) -> tuple[str | None, float]:
        """Language and probability; None where the text is too short or the probability too small to say."""
        letters = "".join(character for character in text if character.isalpha())
        if len(letters) < 4 or not self.known:
            return None, 0.0
        label, probability = self._identifier.classify(text.replace("\ufffd", " "))
        return (label if probability >= LEAST_PROBABILITY else None), float(probability)


def prompt_of(ids: np.ndarray, count: int) -> list[int]:
    """The first ``count`` tokens of a test sequence as a prompt (the start mark included), all but the last at most."""
    return [int(i) for i in ids[: min(count, len(ids) - 1)]]


SCHEMA = [
    pa.field("prompt_number", pa.int64()),
    pa.field("prompt", pa.string()),
    pa.field("text", pa.string()),
    pa.field("n_tokens", pa.int64()),
    pa.field("repetition_rate", pa.float64()),
    pa.field("replacement_rate", pa.float64()),
    pa.field("detected", pa.string()),
    pa.field("detected_probability", pa.float64()),
    pa.field("detectable", pa.string()),  # what it was chosen among, with spaces between
]


def prepare(model: torch.nn.Module, job: Job) -> Observe:
    """Observes the continuations of the config's prompts, or of the beginnings of the first test sequences."""
    tokenizer, settings = TextTokenizer.load(Path(job.inputs["tokenizer"][0]).parent), job.settings
    given = [tokenizer.tokenizer.encode(text, add_special_tokens=False).ids for text in settings["prompts"] or []]
    prompts = [[tokenizer.start_id, *ids] for ids in given]
    if not prompts:
        sequences = open_shard(job.inputs["shard"], job.manifest.vocabulary_size).sequences[: settings["count"]]
        prompts = [prompt_of(ids, settings["prompt_tokens"]) for ids in sequences]
    chosen = {key: settings[key] for key in ("max_new_tokens", "batch_size")}
    return writing(model, tokenizer, prompts, precision=job.precision, labels=settings["detectable"], **chosen)


def writing(
    model: torch.nn.Module,
    tokenizer: TextTokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    batch_size: int,
    precision: str,
    labels: Iterable[str],
) -> Observe:
    """Observes the greedy continuation of each prompt (token ids), one row a text. ``labels``: languages that can be detected.

    Raises ValueError as ``gate.check_prompts`` does.
    """
    check_prompts(model, prompts, max_new_tokens)
    precision = devices.resolve_precision(precision, next(model.parameters()).device)
    identifier, decode = LanguageIdentifier(labels), tokenizer.tokenizer.decode

    def row(number: int, prompt: Sequence[int], ids: Sequence[int]) -> dict:
        text = decode(ids, skip_special_tokens=True)
        detected, probability = identifier.identify(text)
        return {
            "prompt_number": number,
            "prompt": decode(prompt, skip_special_tokens=True),
            "text": text,
            "n_tokens": len(ids),
            "repetition_rate": repetition_rate(ids),
            "replacement_rate": replacement_rate(text),
            "detected": detected,
            "detected_probability": probability,
            "detectable": " ".join(identifier.known),
        }

    def observe(intervention: str) -> pd.DataFrame:
        written = greedy(model, prompts, max_new_tokens, tokenizer.end_id, precision, batch_size)
        return pd.DataFrame([row(number, *both) for number, both in enumerate(zip(prompts, written, strict=True))])

    return observe
