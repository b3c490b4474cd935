"""Selection of regions beside the published way, and what a region takes on disk."""

import random
from pathlib import Path

import numpy as np
import torch

from langatlas.locate.importance_files import FORMAT
from langatlas.locate.regions import select
from langatlas.tensorfile import TensorFile, TensorWriter

METADATA = {"format": FORMAT, "model": "m", "model_hash": "h", "language": "ru", "samples": "1"}
FAMILY = {"model_type": "llama"}


def write_importances(folder: Path, layers: int, hidden: int, feedforward: int) -> list[str]:
    """Three languages' importances of the block matrices of a Llama."""
    generator = np.random.default_rng(0)
    shapes = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, hidden), "self_attn.v_proj": (hidden, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (feedforward, hidden), "mlp.up_proj": (feedforward, hidden),
        "mlp.down_proj": (hidden, feedforward),
    }  # fmt: skip
    layout = {
        f"model.layers.{i}.{name}.weight": ("F32", shape) for i in range(layers) for name, shape in shapes.items()
    }
    paths = [str(folder / f"{language}.safetensors") for language in ("ar", "ru", "zh")]
    for path in paths:
        with TensorWriter(path, layout, METADATA | {"language": Path(path).stem}) as writer:
            for name, (_, shape) in layout.items():
                writer.write(name, generator.standard_normal(shape, np.float32))
    return paths


def parameters_of(path: str) -> int:
    file = TensorFile(path, FORMAT)
    return sum(int(np.prod(file.shape(name))) for name in file.names)


def test_selection_beside_the_published_way(tmp_path, compare):
    """Published: every matrix is summed, abs taken, and cut by topk anew for each ratio and side; random.sample draws."""
    importances = write_importances(tmp_path, layers=1, hidden=1024, feedforward=2816)
    ratios, sides = ("0.01", "0.02", "0.03", "0.04", "0.05"), ("top", "bottom", "random-1")
    plan = {(side, ratio): str(tmp_path / f"{side}-{ratio}.safetensors") for side in sides for ratio in ratios}

    def ours():
        select(importances, plan, scope="matrix", region="core", metadata=FAMILY, **FAMILY)

    def published():
        for ratio in ratios:
            for side in sides:
                for name in (files := [TensorFile(path, FORMAT) for path in importances])[0].names:
                    score = torch.stack([torch.from_numpy(np.array(file[name])).abs() for file in files]).sum(0)
                    n, mask = int(float(ratio) * score.numel()), torch.zeros(score.numel(), dtype=torch.bool)
                    if side == "random-1":
                        mask[random.sample(range(score.numel()), n)] = True
                    else:
                        mask[score.flatten().topk(n, largest=side == "top").indices] = True
                    torch.save(mask.view(score.shape), tmp_path / f"{side}-{ratio}-{name}.pt")

    moved = parameters_of(importances[0]) * (
        3 * 4 + len(plan) / 8
    )  # three importances read, a bit for each region written
    part = "selection, 5 ratios x 3 sides | published topk"
    assert compare(part, ours, published, at_least=10, rounds=3, moved=moved) >= 10


def test_regions_take_one_bit_a_parameter(tmp_path, record):
    importances = write_importances(tmp_path, layers=1, hidden=512, feedforward=1408)
    path = tmp_path / "region.safetensors"
    select(importances, {("top", "0.03"): str(path)}, scope="matrix", region="core", metadata=FAMILY, **FAMILY)
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    bits = 8 * (path.stat().st_size - header) / parameters_of(importances[0])
    assert (
        record("a parameter of a region on disk | one bit", bits, 1.0, "bits", ">= 1", "its entropy at 3 %: 0.19") >= 1
    )
