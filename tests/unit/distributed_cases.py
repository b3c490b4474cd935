"""What the processes of test_distributed run: many cases in one start, which costs more than all of them."""

import json
import sys
from pathlib import Path

import torch
from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
from safetensors.torch import save_file

from langatlas.intervene.distributed import SpreadTrainer, train_arm
from langatlas.intervene.pretraining import Settings, further_pretrain
from langatlas.locate.distributed import importance_of_spread_shard
from langatlas.models.processes import joined
from langatlas.region import Region
from tiny import random_sequences, tiny_llama


def train(case: dict, part: tuple[int, int]) -> None:
    """Train the tiny model and write, in each process, its working copy, and in all of them the masters and moments."""
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
            state[f"{moment}/{name}"] = safe_get_full_optimizer_state(parameter, moment).clone()
    save_file(state, f"{case['output']}-{part[0]}.safetensors")


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as mine:
        for described in job["trainings"]:
            train(described, mine)
        train_arm(job["arm"], mine)
        for described in job["cases"]:
            importance_of_spread_shard(described, mine)
