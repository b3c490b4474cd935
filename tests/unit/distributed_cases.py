"""What the processes of test_distributed run: many cases in one start, which costs more than all of them."""

import json
import sys
from pathlib import Path

import torch
from deepspeed.utils import safe_get_full_fp32_param
from safetensors.torch import save_file

from langatlas.intervene.distributed import SpreadTrainer
from langatlas.intervene.pretraining import Settings, further_pretrain
from langatlas.locate.distributed import importance_of_spread_shard
from langatlas.measure.training import train_arm
from langatlas.models.processes import joined
from langatlas.region import Region
from tiny import random_sequences, tiny_llama


def own_moment(optimizer, parameter: torch.nn.Parameter, moment: str) -> torch.Tensor:
    """A moment of AdamW where this process owns it, zero elsewhere. Shape of the parameter."""
    whole, mapping = torch.zeros(parameter.numel()), parameter._hp_mapping
    if mapping is not None:
        flat = optimizer.single_partition_of_fp32_groups[mapping.param_group_index]
        here, there = mapping.lp_fragment_address, mapping.hp_fragment_address
        whole[here.start : here.start + here.numel] = optimizer.optimizer.state[flat][moment].view(-1)[
            there.start : there.start + there.numel
        ]
    return whole.view(parameter.shape)


def train(case: dict, part: tuple[int, int]) -> None:
    """Train the tiny model; each process writes its working copy, the masters, and the moments that it owns."""
    settings = Settings(**case["settings"])
    region = Region.open(case["region"]) if case["region"] else None
    model = tiny_llama(dtype=getattr(torch, settings.working))
    trainer = SpreadTrainer(model, region, case["mode"], case["master"], settings, part)
    list(further_pretrain(trainer, random_sequences(24, seed=5), [0, case["samples"]]))
    state = {}
    for name, parameter in trainer.parameters.items():
        state[f"working/{name}"] = parameter.detach().clone()
        state[f"master/{name}"] = safe_get_full_fp32_param(parameter).clone()
        for moment in ("exp_avg", "exp_avg_sq"):
            state[f"{moment}/{name}"] = own_moment(trainer.model.optimizer, parameter, moment)
    save_file(state, f"{case['output']}-{part[0]}.safetensors")


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as mine:
        for described in job["trainings"]:
            train(described, mine)
        train_arm(job["arm"], mine)
        for described in job["cases"]:
            importance_of_spread_shard(described, mine)
