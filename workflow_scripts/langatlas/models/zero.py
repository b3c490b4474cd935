"""DeepSpeed's ZeRO: stages 2 (gradients spread over processes) and 3 (weights too). It is imported only where it is used.

Micro-batches are added up with ``gradient_accumulation_steps`` of 1 and the boundary set by hand: other patterns give
local or scaled gradients, or wait for ever, depending on the stage. Sums and what is sent are fp32 whatever the weights are.
"""

from contextlib import AbstractContextManager

import torch

from langatlas.models import checkpoint, devices
from langatlas.models.checkpoint import Manifest

SECTIONS = {
    "float32": {},
    "bfloat16": {"bf16": {"enabled": True}},
    "float16": {"fp16": {"enabled": True, "loss_scale": 1.0}},
}


def settings(dtype: str, stage: int, offload: bool, largest_part: int) -> dict:
    """DeepSpeed's configuration. Its buffers hold the largest part of the model, given in parameters."""
    place = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    spread = {"stage": stage, "reduce_bucket_size": largest_part, "overlap_comm": False, "contiguous_gradients": True}
    if stage == 3:
        spread |= {"stage3_max_live_parameters": 2 * largest_part, "stage3_prefetch_bucket_size": largest_part}
    if offload:
        spread |= {"offload_optimizer": place} | ({"offload_param": place} if stage == 3 else {})
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "zero_optimization": spread,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "communication_data_type": "fp32",
        "data_types": {"grad_accum_dtype": "fp32"},
        "wall_clock_breakdown": False,
        **SECTIONS[dtype],
    }


def load(manifest: Manifest, stage: int, offload: bool) -> torch.nn.Module:
    """The model; under stage 3 each process keeps only its share of every weight as it reads them."""
    if stage == 2:
        return checkpoint.load(manifest, devices.pick_device())
    from transformers.integrations import HfDeepSpeedConfig

    keeper = HfDeepSpeedConfig(settings(manifest.dtype, stage, offload, 1))  # heeded as long as it lives
    model = checkpoint.read(manifest).eval()
    del keeper
    return model


def for_gradients(model: torch.nn.Module, dtype: str, stage: int, offload: bool):
    """DeepSpeed's engine around a model whose weights never move: an optimizer is asked for, and never stepped."""
    import deepspeed

    largest = max(numel(p) for p in model.parameters())
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        config=settings(dtype, stage, offload, largest),
    )
    engine.module.eval()  # no dropout
    return engine


def for_training(model: torch.nn.Module, optimizer: torch.optim.Optimizer, dtype: str, clip: float):
    """DeepSpeed's engine under stage 2: fp32 master copy, gradients and moments are spread, weights are not."""
    import deepspeed

    largest = max(p.numel() for p in model.parameters())
    config = settings(dtype, 2, False, largest) | {"gradient_clipping": clip}
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    return engine


def share(parameter: torch.nn.Parameter) -> tuple[int, int] | None:
    """Stage 2: (first, count) of the parameter's entries, flat, whose master this process owns; None where it owns none."""
    mapping = parameter._hp_mapping
    return None if mapping is None else (mapping.lp_fragment_address.start, mapping.lp_fragment_address.numel)


def own_master(parameter: torch.nn.Parameter) -> torch.Tensor:
    """Stage 2: this process's share of a parameter's fp32 master, flat; writing into it changes it."""
    return parameter._hp_mapping.get_hp_fragment().data.view(-1)


def own_gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    """Stage 2, between the last backward pass of a step and the step: this process's share of the gradient, likewise."""
    return parameter._hp_mapping.get_lp_grad_fragment(parameter._index_in_param_group).data.view(-1)


def shape_of(parameter: torch.nn.Parameter) -> tuple[int, ...]:
    """Shape of the whole parameter, also where this process holds a share of it."""
    return tuple(getattr(parameter, "ds_shape", parameter.shape))


def numel(parameter: torch.nn.Parameter) -> int:
    """Number of entries of the whole parameter."""
    return getattr(parameter, "ds_numel", parameter.numel())


def whole(parameter: torch.nn.Parameter) -> AbstractContextManager:
    """Context in which every process holds all of a parameter. Collective."""
    import deepspeed

    return deepspeed.zero.GatheredParameters([parameter])


def full_gradient(parameter: torch.nn.Parameter, processes: int) -> torch.Tensor:
    """fp32 gradient of all processes together, zero where there was none. Collective."""
    from deepspeed.utils import safe_get_full_grad

    gradient = safe_get_full_grad(parameter)
    if gradient is None:
        return torch.zeros(shape_of(parameter), device=parameter.device)
    return gradient.float() * processes
