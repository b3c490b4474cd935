"""Byte-level BPE tokenizer of the mini model, trained on the pretrain split of all its languages. No torch."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from langatlas.files import atomic

log = logging.getLogger(__name__)
BOS, EOS = "<s>", "</s>"


def train_tokenizer(documents: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """Train on Parquet files of documents. BOS has id 0, EOS id 1; every byte is in the vocabulary, so no text is unknown.

    Raises ValueError when the vocabulary could not hold the 256 bytes and two marks.
    """
    if vocabulary_size < 258:
        raise ValueError(f"vocabulary_size must be at least 258 (256 bytes and two marks), got {vocabulary_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(documents), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(f"{BOS} $A", special_tokens=[(BOS, 0)])
    log.info("trained a vocabulary of %d", tokenizer.get_vocab_size())
    return tokenizer


def _texts(documents: Sequence[str]) -> Iterator[list[str]]:
    for path in documents:
        for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
            yield batch.column("text").to_pylist()


def save_tokenizer(tokenizer: Tokenizer, tokenizer_json: str, config_json: str, max_length: int) -> None:
    """Write the two files that ``AutoTokenizer`` reads."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": EOS,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_length,
    }
    with atomic(tokenizer_json) as path:
        tokenizer.save(str(path))
    with atomic(config_json) as path:
        Path(path).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
