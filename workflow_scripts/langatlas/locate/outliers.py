"""Outlier dimensions: where the residual stream takes its largest values.

A handful of dimensions carry activations thousands of times the rest, mostly at the first token (Dettmers et al. 2022,
arXiv 2208.07339; Sun et al. 2024, arXiv 2402.17762). If the lines that hold most of a core region are those dimensions,
the region may be about them and not about language.
"""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from langatlas.models import devices
from langatlas.models.adapters import adapter_for
from langatlas.models.nll import batches

log = logging.getLogger(__name__)


@torch.inference_mode()
def residual_extremes(
    model: torch.nn.Module, sequences: Sequence[np.ndarray], *, batch_size: int, precision: str
) -> pd.DataFrame:
    """Largest |activation| of each dimension of the residual stream after each decoder block.

    Columns: layer, dimension, max_abs (over all tokens), max_abs_later (over all but the first token of each sequence),
    mean_abs (over all tokens). Padding does not count.
    """
    device = next(model.parameters()).device
    precision = devices.resolve_precision(precision, device)
    blocks = model.get_submodule(adapter_for(model.config.model_type).blocks)
    width = model.config.hidden_size
    largest, later, total = (torch.zeros(len(blocks), width, device=device) for _ in range(3))
    tokens, lengths_B = 0, None

    def look(layer: int):
        def hook(module, inputs, output) -> None:
            values_BTR = (output[0] if isinstance(output, tuple) else output).float().abs()
            positions = torch.arange(values_BTR.shape[1], device=device)
            values_BTR = values_BTR * (positions < lengths_B[:, None])[:, :, None]
            largest[layer] = torch.maximum(largest[layer], values_BTR.amax((0, 1)))
            later[layer] = torch.maximum(later[layer], values_BTR[:, 1:].amax((0, 1)))
            total[layer] += values_BTR.sum((0, 1))

        return hook

    hooks = [block.register_forward_hook(look(layer)) for layer, block in enumerate(blocks)]
    try:
        for batch in tqdm(list(batches(list(sequences), batch_size, by_length=True)), unit=" batches", mininterval=2):
            batch = batch.to(device)
            lengths_B, tokens = batch.lengths_B, tokens + int(batch.lengths_B.sum())
            with devices.autocast(precision, device):
                model(input_ids=batch.input_ids_BT, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    if not torch.isfinite(largest).all():
        raise ValueError("an activation of the residual stream is not finite")
    layer, dimension = np.indices((len(blocks), width)).reshape(2, -1)
    return pd.DataFrame(
        {
            "layer": layer,
            "dimension": dimension,
            "max_abs": largest.cpu().numpy().reshape(-1),
            "max_abs_later": later.cpu().numpy().reshape(-1),
            "mean_abs": (total / max(tokens, 1)).cpu().numpy().reshape(-1),
        }
    )
