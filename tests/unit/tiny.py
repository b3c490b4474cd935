"""A Llama so small that every number about it can be computed by brute force."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas import tokens
from langatlas.provenance import collect

VOCABULARY = 23


def tiny_llama(seed: int = 0, dtype: torch.dtype = torch.float32, layers: int = 2) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).to(dtype).eval()


def random_sequences(count: int, seed: int = 0, longest: int = 12) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [
        generator.integers(0, VOCABULARY, generator.integers(3, longest + 1)).astype(np.uint32) for _ in range(count)
    ]


def importance_metadata(language: str = "ru", **extra: str) -> dict[str, str]:
    described = {"model": "tiny", "model_hash": "abc", "revision": "1", "language": language, "tokenizer": "t"}
    return collect("code") | described | extra


def write_shard(path: Path, sequences, language: str = "ru", **metadata: str) -> str:
    """A token shard as a file."""
    schema = pa.schema(tokens.SCHEMA, metadata={"format": tokens.FORMAT, "language": language, **metadata})
    rows = [{"input_ids": ids, "n_bytes": 1, "n_characters": 1} for ids in sequences]
    with pa.ipc.new_stream(str(path), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
    return str(path)
