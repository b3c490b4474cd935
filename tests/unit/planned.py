"""A run that is small enough to plan by hand: its config, its jobs and its model."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.plan import run, shapes

SIZES = {
    "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 500,
}  # fmt: skip
HUB = {"source": "huggingface", "dtype": "bfloat16"}


def small_llama(dtype=torch.float32, **sizes) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**SIZES, **sizes}, max_position_embeddings=64)).to(dtype).eval()


def small_shape(dtype="float32", **sizes) -> shapes.Shape:
    architecture = {**SIZES, **sizes}
    mini = {"source": "mini", "dtype": dtype, "vocabulary_size": architecture.pop("vocab_size")}
    return shapes.shape_of(mini | {"architecture": architecture}, "results", "mini")


def config(**experiments) -> dict:
    return {
        "results": "nothing-here",
        "models": ["m"],
        "languages": ["ru", "uk"],
        "checkpoints": {"m": HUB | {"path": "meta-llama/Llama-2-7b-hf", "corpus": "c"}},
        "corpora": {"c": {"parts": [{"source": "jsonl"}]}},
        "tokens": {
            "sequence_length": 512,
            "shards": {"locate": 3, "test": 1, "pretrain": 1},
            "max_sequences": {"locate": None, "test": 200, "pretrain": None},
        },
        "importance": {"samples": [10, 100], "batch_size": 8, "variants": {"names": ["wanda", "fisher", "half-1"], "samples": 7}},
        "regions": {
            **{key: {"languages": ["ru"], "scopes": ["matrix", "global"], "ratios": [0.05]} for key in ("core", "monolingual")},
            "controls": {"variants": [], "single": [], "matched": []},
        },
        "outliers": {"sequences": 9},
        "experiments": experiments,
        "perplexity": {"batch_size": 8},
        "pretraining": {"p": {"language": "ru", "languages": None, "sequences": 50, "samples": [0, 64], "batch_size": 4}},
        "neurons": {"languages": ["ru", "uk"], "sequences": 50, "precision": {"sequences": 20}},
        "steering": {"s": {"pairs": [["ru", "uk"], ["ru", "en"], ["en", "ru"]], "max_new_tokens": 7}},
        "translation": {"t": {"conditions": ["direct", "parallel-3-1shot"], "count": 25, "batch_size": 8, "max_new_tokens": 7}},
        "questions": {"q": {"languages": None, "world": True, "files": None, "answers": ["letters", "texts"], "count": 25,
                            "tasks": ["mmlu"], "shots": 5}},
        "generation": {"g": {"prompts": {"ru": ["a"]}, "max_new_tokens": 5}},
    }  # fmt: skip


def job(rule, inputs=(), outputs=(), temporary=(), gpu=1, **wildcards):
    return run.Job(rule, {"model": "m", "language": "ru"} | wildcards, inputs, outputs, frozenset(temporary), gpu)
