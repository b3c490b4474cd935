"""What walks through importances and regions holds a few matrices, whatever the number of layers: peaks are measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDDEN, FEEDFORWARD = 320, 880
LARGEST_MIB = 4 * HIDDEN * FEEDFORWARD / 2**20
BLOCK_MIB = 4 * (4 * HIDDEN**2 + 3 * HIDDEN * FEEDFORWARD) / 2**20
# Each step runs in a fork of one process: what it holds beyond its parent is its own. VmHWM counts mapped files too.
CODE = """
import json, os, re, sys
from pathlib import Path
import numpy as np
import pandas as pd
from langatlas.locate import concentration, equal, matched, neuron_lines, overlap, regions, reliability, similarity
from langatlas.locate.importance_files import add_shards
from langatlas.neuron_files import COLUMNS, NeuronSet
from langatlas.region import Region
from langatlas.tensorfile import TensorWriter

folder, layers, hidden, feedforward = Path(sys.argv[1]), *map(int, sys.argv[2:])
family = {"model_type": "llama", "region_language": ""}
heads, ffn = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"), ("gate", "up")
shapes = {name: (hidden, hidden) for name in heads} | {f"mlp.{name}_proj": (feedforward, hidden) for name in ffn}
shapes["mlp.down_proj"] = (hidden, feedforward)
layout = {f"model.layers.{i}.{n}.weight": ("F32", shape) for i in range(layers) for n, shape in shapes.items()}
described = dict.fromkeys(("model", "model_hash", "revision", "reduction", "precision", "tokenizer"), "x")
described |= {"format": "langatlas.importance/1", "samples": "1", "tokens": "1", "nll_nats": "1.0"}
importances = [str(folder / f"{language}.safetensors") for language in ("ar", "ru")]
generator = np.random.default_rng(0)
for path in importances:
    with TensorWriter(path, layout, described | {"language": Path(path).stem}) as writer:
        for name, (_, shape) in layout.items():
            writer.write(name, generator.standard_normal(shape, np.float32))
ratios, paths = ("0.01", "0.03", "0.05"), {}
for language in ("ar", "ru"):
    paths[language] = {(s, r): str(folder / f"{language}-{s}-{r}") for s in ("top", "bottom") for r in ratios}
plan = {(side, ratio): str(folder / f"{side}-{ratio}") for side in ("top", "bottom", "random-1") for ratio in ratios}
ours, theirs = (list(paths[language].values()) for language in ("ar", "ru"))
reliability.PARAMETERS = 10_000
places = [("lape", "ar", "top", layer, neuron, 0.1, 0.5) for layer in range(layers) for neuron in range(20)]
found = NeuronSet(pd.DataFrame(places, columns=COLUMNS), ["ar"], (layers, feedforward), {"method": "lape", "model_hash": "x"})
equal.best_first(found, "ar")  # pandas loads some code when it first sorts
keys = [(method, side, "1.0") for method in ("importance", "lape") for side in ("top", "random-1")]
sets = {key: str(folder / "-".join(key)) for key in keys}


def choose(scope, files, plan, region):
    regions.select(files, plan, model_type="llama", scope=scope, region=region, metadata=family)


steps = {
    "combine": lambda: add_shards(importances[:1] * 3, str(folder / "sum"), {}),
    "core": lambda: choose("matrix", importances, plan, "core"),
    "global core": lambda: choose("global", importances, plan, "core-global"),
    "language": lambda: [choose("matrix", [i], p, f"language-{n}") for i, (n, p) in zip(importances, paths.items())],
    "monolingual": lambda: regions.select_monolingual(ours, theirs, plan, region="monolingual-ar", metadata={}),
    "matched": lambda: matched.select_matched(ours[0], importances[0], {1: str(folder / "m")}, region="m", metadata={}),
    "equal": lambda: equal.select_equal(ours[0], importances[0], {"n": found}, sets, language="ar", metadata={}),
    "neurons": lambda: [neuron_lines.importance_of_neurons(importances[0], Region.open(ours[0])),
                        neuron_lines.region_counts(Region.open(ours[0]))],
    "similarity": lambda: similarity.compare(importances, "llama", 10_000),
    "reliability": lambda: reliability.reliability([("pair", *importances)], family, 0.03),
    "density": lambda: overlap.densities(ours + theirs),
    "overlap": lambda: [len(frame) for frame in overlap.overlaps(ours + theirs)],
    "control overlap": lambda: overlap.overlaps_with(Region.open(ours[0]), list(map(Region.open, theirs))),
    "concentration": lambda: concentration.concentration(Region.open(ours[0]), 1, 20),
}


def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024


grown = {}
for name, step in steps.items():
    reading, writing = os.pipe()
    if not os.fork():
        before = peak()
        step()
        os.write(writing, str(peak() - before).encode())
        os._exit(0)
    os.close(writing)
    grown[name] = float(os.read(reading, 100))
    os.wait()
print(json.dumps(grown))
"""


def peaks(folder: Path, layers: int) -> dict[str, float]:
    """MiB that each step held beyond what the process had before."""
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CODE, folder, str(layers), str(HIDDEN), str(FEEDFORWARD)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status says the peak")
def test_no_step_holds_more_of_a_model_that_has_ten_times_the_layers(tmp_path):
    small, large = peaks(tmp_path / "small", 1), peaks(tmp_path / "large", 10)
    grown = 9 * BLOCK_MIB  # of one importance
    assert {name: large[name] - small[name] for name in small if large[name] - small[name] > 0.15 * grown} == {}
    # a few matrices of float32, and allocator, code pages (of pandas too) and the bins and chunks of a selection
    assert {name: peak for name, peak in large.items() if peak > 6 * LARGEST_MIB + 17} == {}
