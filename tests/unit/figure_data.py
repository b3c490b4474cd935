"""Made-up tables and regions with the columns of real ones, and the style file, to draw figures from."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from langatlas import languages, region

STYLE = Path(__file__).parents[2] / "resources" / "langatlas.mplstyle"
TWELVE = "ar en es fa it ja ko pt ru uk vi zh".split()
SHAPES = {
    "self_attn.q_proj": (48, 32), "self_attn.o_proj": (32, 48), "mlp.up_proj": (80, 32), "mlp.down_proj": (32, 80),
}  # fmt: skip
MODULES = ("attn.q", "attn.o", "mlp.up", "mlp.down", "norm.input")


def related(a: str, b: str) -> bool:
    return languages.get(a).branch.split(" (")[0] == languages.get(b).branch.split(" (")[0]


def effect_matrix(labels=TWELVE) -> pd.DataFrame:
    generator, rows = np.random.default_rng(1), []
    for a, b in product(labels, labels):
        ratio = (2.0 if a == b else 1.25 if related(a, b) else 1.03) * generator.uniform(0.96, 1.04)
        region_columns = {"model": "mini", "region": f"monolingual-{a}", "region_language": a, "ratio": 0.05}
        numbers = {
            "ratio_to_base": ratio,
            "ratio_to_random": ratio / 1.03,
            "p_value_holm": 0.01 if ratio > 1.1 else 0.6,
        }
        rows.append(region_columns | {"language": b, "samples": 256} | numbers)
    return pd.DataFrame(rows)


def core_removal(labels=TWELVE) -> pd.DataFrame:
    """Columns of the table core_removal: random regions are their mean already."""
    generator, rows = np.random.default_rng(2), []
    common = {"model": "mini", "region": "core", "samples": 256}
    for label, ratio, side in product(labels, (0.01, 0.05), ("top", "bottom", "random")):
        effect = {"top": 12 * ratio, "bottom": 0.0, "random": ratio}[side] * generator.uniform(0.7, 1.3)
        interval = {
            f"ratio_to_base{end}": np.exp(effect + step) for end, step in (("", 0), ("_low", -0.02), ("_high", 0.02))
        }
        rows.append(common | {"language": label, "side": side, "ratio": ratio} | interval)
    return pd.DataFrame(rows)


def pairs(labels=TWELVE) -> pd.DataFrame:
    """Columns of the importance_similarity and of the region_overlap table; each pair once."""
    generator, rows = np.random.default_rng(3), []
    for a, b in combinations(labels, 2):
        alike = (0.6 if related(a, b) else 0.3) + generator.uniform(-0.05, 0.05)
        numbers = {"spearman": alike, "cosine": alike / 2, "jaccard": alike / 4, "times_chance": 10 * alike}
        where = {"model": "mini", "samples": 256, "scope": "matrix", "side": "top", "ratio": 0.05}
        rows.append(where | {"language_a": a, "language_b": b} | numbers)
    return pd.DataFrame(rows)


def region_density(labels=TWELVE, layers: int = 4) -> pd.DataFrame:
    generator, rows = np.random.default_rng(4), []
    regions = [("core-global", None), *((f"monolingual-{label}", label) for label in labels)]
    for (name, label), layer, module in product(regions, range(layers), MODULES):
        where = {
            "model": "mini",
            "samples": 256,
            "side": "top",
            "ratio": 0.05,
            "region": name,
            "region_language": label,
        }
        density = generator.uniform(0, 0.2 if label is None else 0.04)
        rows.append(
            where | {"parameter": f"{layer}.{module}.weight", "layer": layer, "module": module, "density": density}
        )
    return pd.DataFrame(rows)


def training(steps: int = 60) -> pd.DataFrame:
    step = np.arange(1, steps + 1) * 10
    loss = 2 + 6 * np.exp(-step / 150)
    measured = np.where(step % 100 == 0, loss + 0.1, np.nan)
    columns = {"step": step, "tokens": 4096 * step, "loss": loss, "validation_loss": measured}
    return pd.DataFrame(columns | {"learning_rate": 1e-3 * (1 - step / step[-1])})


def masks(layers: int = 3, seed: int = 5) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    chosen = {}
    for layer in range(layers):
        for name, shape in SHAPES.items():
            stripes = generator.uniform(0, 0.3, shape[1])
            chosen[f"model.layers.{layer}.{name}.weight"] = generator.random(shape) < stripes
        chosen[f"model.layers.{layer}.input_layernorm.weight"] = generator.random(32) < 0.05
    return chosen


def region_file(folder: Path, name: str = "core", layers: int = 3, seed: int = 5) -> region.Region:
    described = {"model_type": "llama", "region": name, "region_language": name.partition("-")[2]}
    path = folder / f"{name}.safetensors"
    region.save(path, masks(layers, seed), described)
    return region.Region.open(path)
