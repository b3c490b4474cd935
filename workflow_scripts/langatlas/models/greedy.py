"""The one place where a model writes: greedily, by settings of this project alone."""

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
