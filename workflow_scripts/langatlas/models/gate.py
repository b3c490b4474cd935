"""What a checkpoint must be before any job begins: everything that can be told from its files, by name, in one sentence.

Otherwise a library fills what is missing at random in each job, or a job on a GPU fails hours later with words of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langatlas.models.adapters import adapter_for
from langatlas.models.weights import (
    BEYOND_HALF,
    FLOATS,
    INFINITE,
    Stored,
    digests_and_largest,
    identity,
    read_json,
    stored_tensors,
)
from langatlas.tokenizer import check_vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

log = logging.getLogger(__name__)
MOST_NAMED = 5  # tensors in a sentence; the rest are counted
# Families whose positions are rows of a learned table: behind its end there is nothing. Others were only never trained there.
LEARNED_POSITIONS = ("gpt2", "opt")


@dataclass(frozen=True)
class Checked:
    """What the gate found of a checkpoint that may pass: its config and its ``weights.identity``."""

    config: dict[str, Any]
    hash: str


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """config.json of a checkpoint folder. Raises ValueError where it is none that the workflow can use, saying why."""
    if (folder / "adapter_config.json").is_file():
        raise ValueError(
            f"model {name}: {folder} holds an adapter (adapter_config.json): changes of another checkpoint's weights; merge them "
            "into it with merge_and_unload and save_pretrained"
        )
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"model {name}: {folder} holds no config.json; give a Hugging Face checkpoint folder or a Hub id"
        )
    config = read_json(folder / "config.json", name)
    where = f"model {name}: {folder / 'config.json'}"
    if quantization := config.get("quantization_config"):
        method = quantization.get("quant_method", "unknown") if isinstance(quantization, dict) else quantization
        raise ValueError(
            f"{where}: the weights are quantized ({method}), so they have no gradients to find importance by, and no entries "
            "to set to zero; give the checkpoint that they were made from"
        )
    if config.get("is_encoder_decoder"):
        raise ValueError(
            f"{where}: {config.get('model_type')!r} is an encoder with a decoder; the workflow reads language models that "
            "have a decoder only"
        )
    try:
        adapter_for(config.get("model_type"))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if "transformers_weights" in config:
        raise ValueError(f"{where}: transformers_weights names other weights than model.safetensors; take the key out")
    return config


def check(folder: Path, name: str, dtype: str, lengths: Mapping[str, int]) -> Checked:
    """Look at all of a checkpoint; reads every weight once, holds none.

    ``dtype``: in which the weights will be loaded; ``lengths``: key of the config -> tokens of the longest sequence that it
    asks for. Raises ValueError, naming the model and the file or tensors, for whatever would fail or be filled in later.
    """
    config = read_config(folder, name)
    tensors = stored_tensors(folder, name)
    check_types(name, tensors)
    made = made_up(folder, name, dtype)
    check_lengths(name, made.config, lengths)
    hashes, largest = digests_and_largest(tensors)
    check_ties(name, made, tensors, hashes)
    check_values(name, dtype, tensors, largest)
    if dtype == "float16":
        log.warning(
            "model %s: gradients of float16 weights overflow in many models, which importance then says; bfloat16 has the "
            "range of float32: checkpoints.%s.dtype: bfloat16", name, name,
        )  # fmt: skip
    return Checked(config, identity(config, tensors, hashes))


def made_up(folder: Path, name: str, dtype: str) -> "torch.nn.Module":
    """``read_whole`` on the device ``meta``. Raises ValueError also where transformers itself fails, with its words."""
    try:
        return read_whole(folder, name, "meta", dtype)
    except ValueError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"model {name}: transformers makes no model of {folder}: {reason}") from None


def check_types(name: str, tensors: Mapping[str, Stored]) -> None:
    """Raises ValueError for weights that are no floats that torch computes in: quantized ones without a word in the config."""
    others = [t for t in tensors.values() if t.dtype not in FLOATS and t.name.endswith(".weight")]
    if others:
        raise ValueError(
            f"model {name}: {others[0].path}: {others[0].name} is of type {others[0].dtype}; weights must be of "
            f"{', '.join(FLOATS)}. Give the checkpoint that this quantized one was made from"
        )


def read_whole(folder: str | Path, name: str, device: "str | torch.device | None", dtype: str) -> "torch.nn.Module":
    """The model of a checkpoint folder with every weight read from it and none made up; on ``meta`` names and shapes only.

    Its generation defaults are transformers' own, not those of the folder. Raises ValueError, naming the tensors, where some
    are missing, are not the model's, or have other shapes.
    """
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    model, found = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        device_map=device,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # else an error of the library's: they are told apart here
        generation_config=GenerationConfig(),
    )
    problems = [
        *_named("lacks", sorted(found["missing_keys"])),
        *_named("holds, but the model that config.json describes has no,", sorted(found["unexpected_keys"])),
        *_named(
            "has in another shape",
            sorted(f"{k} {tuple(stored)}, the model's is {tuple(own)}" for k, stored, own in found["mismatched_keys"]),
        ),
    ]
    if problems:
        untied = "lm_head.weight" in found["missing_keys"] and not model.config.tie_word_embeddings
        hint = " (or tie_word_embeddings: true is missing in config.json)" if untied else ""
        raise ValueError(
            f"model {name}: {folder} {'; '.join(problems)}. What a checkpoint lacks would be filled at random: fetch it again, "
            f"or save the whole model with save_pretrained{hint}"
        )
    return model


def _named(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return [f"{what} {', '.join(names[:MOST_NAMED])}{more}"]


def check_ties(name: str, model, tensors: Mapping[str, Stored], hashes: Mapping[str, str]) -> None:
    """Raises ValueError where config.json ties two tensors that the checkpoint holds with different values."""
    for target, source in model.all_tied_weights_keys.items():
        a, b = _stored_as(target, tensors), _stored_as(source, tensors)
        if a and b and hashes[a] != hashes[b]:
            raise ValueError(
                f"model {name}: config.json ties {target} to {source} (tie_word_embeddings), but the checkpoint holds both, and "
                "they differ; set tie_word_embeddings: false there, or take one out"
            )


def _stored_as(name: str, tensors: Mapping[str, Stored]) -> str | None:
    """Name under which a checkpoint holds a parameter: its own, or without the prefix of the base model, as on the Hub."""
    return next((n for n in (name, name.partition(".")[2]) if n in tensors), None)


def check_values(name: str, dtype: str, tensors: Mapping[str, Stored], largest: Mapping[str, int]) -> None:
    """Raises ValueError for a tensor that holds NaN or infinity, or would when loaded in ``dtype``.

    ``largest``: bits of the largest entry of each (``weights.digests_and_largest``).
    """
    for tensor in tensors.values():
        bits = largest[tensor.name]
        if tensor.dtype in FLOATS and bits >= INFINITE[tensor.dtype]:
            raise ValueError(
                f"model {name}: {tensor.path}: {tensor.name} holds values that are not finite; fetch it again"
            )
        if dtype == "float16" and bits >= BEYOND_HALF.get(tensor.dtype, bits + 1):
            raise ValueError(
                f"model {name}: {tensor.path}: {tensor.name} holds values beyond the range of float16; set "
                f"checkpoints.{name}.dtype: bfloat16"
            )


def positions(config: "PreTrainedConfig") -> int | None:
    """How many positions a model was made for; None where its family has no such number (BLOOM)."""
    return getattr(config, "max_position_embeddings", None)


def check_lengths(name: str, config: "PreTrainedConfig", lengths: Mapping[str, int]) -> None:
    """Raises ValueError where the config asks for longer sequences than the model has positions."""
    limit = positions(config)
    for key, longest in lengths.items():
        if limit is not None and longest > limit:
            raise ValueError(f"{key}: {longest} tokens, but model {name} has positions for {limit}; lower it")


def check_prompts(model: "torch.nn.Module", prompts: Sequence[Sequence[int]], max_new_tokens: int) -> None:
    """Raises ValueError for a prompt with a token that has no embedding, or whose text would outgrow a learned table of
    positions; in other families it warns of positions that were never trained.
    """
    for number, ids in enumerate(prompts):
        check_vocabulary(
            model.get_input_embeddings().num_embeddings, max(map(int, ids), default=-1), f"prompt {number}"
        )
    limit, longest = positions(model.config), max(map(len, prompts), default=0) + max_new_tokens
    if limit is None or longest <= limit:
        return
    told = f"the longest prompt and {max_new_tokens} new tokens are {longest}, but the model has positions for {limit}"
    if model.config.model_type in LEARNED_POSITIONS:
        raise ValueError(f"{told}; lower max_new_tokens, or give shorter prompts")
    log.warning(told)
