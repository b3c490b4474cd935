"""The one place where a model writes: greedily, by settings of this project alone.

Axes: B prompts of a batch, T positions of the longest.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import GenerationConfig


def continued(
    model: torch.nn.Module,
    input_ids_BT: torch.Tensor,
    attention_mask_BT: torch.Tensor,
    *,
    max_new_tokens: int,
    end_id: int,
    **more,
) -> torch.Tensor:
    """Prompts (B, T) and behind each its most probable tokens (B, T + new), filled up with ``end_id`` behind the first one.

    ``generate`` fills in what it is not given from the model's own defaults, which checkpoints bring along (sampling,
    repetition penalties, forced tokens): they are set aside. ``more``: further arguments of ``generate``.
    """
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        use_cache=True,
        max_new_tokens=max_new_tokens,
        eos_token_id=end_id,
        pad_token_id=end_id,
    )
    brought, model.generation_config = model.generation_config, GenerationConfig()
    try:
        return model.generate(input_ids_BT, attention_mask=attention_mask_BT, generation_config=settings, **more)
    finally:
        model.generation_config = brought


def grouped(prompts: Sequence[Sequence[int]], batch_size: int) -> list[np.ndarray]:
    """Numbers of the prompts that run together: those of like length, the longest first."""
    order = np.argsort([-len(ids) for ids in prompts], kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def padded(
    prompts: Sequence[Sequence[int]], fill: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids (B, T), filled up on the left; the place of each in its own prompt (B, T), below 0 in padding; lengths (B,)."""
    lengths_B = torch.tensor([len(ids) for ids in prompts], device=device)
    width = int(lengths_B.max())
    input_ids_BT = torch.full((len(prompts), width), fill, device=device)
    for row, ids in zip(input_ids_BT, prompts, strict=True):
        row[width - len(ids) :] = torch.tensor(list(map(int, ids)), device=device)
    places_BT = torch.arange(width, device=device) - (width - lengths_B)[:, None]
    return input_ids_BT, places_BT, lengths_B
