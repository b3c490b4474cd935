"""A run that is small enough to plan by hand: its config, its jobs and its model."""

from copy import deepcopy

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.plan import run, shapes
from langatlas.workflow import experiment_files

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


PERPLEXITY = {"measure": ["perplexity"]}
EXPERIMENTS = {
    "p": PERPLEXITY | {"intervene": {"kind": "pretraining", "language": "ru", "sequences": 50, "samples": [0, 64],
                                     "arms": [{"mode": "full"}]}},
    "steer": {"intervene": {"kind": "steering", "pairs": [["ru", "uk"], ["ru", "en"], ["en", "ru"]]},
              "measure": {"generation": {"count": 16, "prompt_tokens": 3, "max_new_tokens": 7}}},
    "t": {"measure": {"translation": {"target": "en", "further": ["uk", "ru", "en"], "conditions": ["direct", "parallel-3-1shot"],
                                      "count": 25, "batch_size": 8, "max_new_tokens": 7}}},
    "removal": {"intervene": {"kind": "removal", "regions": [{"region": "core", "ratio": 0.05}]},
                "measure": {"perplexity": {},
                            "generation": {"prompts": {"ru": ["a", "b c"]}, "max_new_tokens": 5, "batch_size": 3},
                            "questions": {"answers": ["letters", "texts"], "count": 25, "shots": 5, "tasks": {"ru": ["mmlu"]}}}},
}  # fmt: skip


def config(**experiments) -> dict:
    """A checked config, as a plan gets it; ``experiments``, completed as those of a run are, beside EXPERIMENTS."""
    completed = deepcopy(EXPERIMENTS | experiments)
    assert [problem for name, entry in completed.items() for problem in experiment_files.complete(name, entry)] == []
    own = {"languages": ["ru"], "scopes": ["matrix", "global"], "ratios": [0.05], "sides": ["top"], "seeds": [1]}
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
        "regions": {"core": own, "monolingual": own, "controls": {"variants": [], "single": [], "matched": []}},
        "outliers": {"sequences": 9},
        "experiments": completed,
        "perplexity": {"batch_size": 8},
        "neurons": {"languages": ["ru", "uk"], "sequences": 50, "precision": {"sequences": 20}},
    }  # fmt: skip


def job(rule, inputs=(), outputs=(), temporary=(), gpu=1, **wildcards):
    return run.Job(rule, {"model": "m", "language": "ru"} | wildcards, inputs, outputs, frozenset(temporary), gpu)
