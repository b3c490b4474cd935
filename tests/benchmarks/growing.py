"""Time and memory of importance, selection, and the removal sweep against parameters, languages and shards: prints a CSV.

``python growing.py FOLDER``. Every point is a process of its own, forked from one that has imported everything and holds no
data, so that its peak is what the part itself takes. On one thread, as jobs of the default workflow.
"""

import csv
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT, add_shards
from langatlas.locate.regions import select
from langatlas.models import devices
from langatlas.present.figures.growth import COLUMNS
from langatlas.tensorfile import TensorWriter
from large_model import MINI, build, parameters_of, random_text, sweep_of

CPU = torch.device("cpu")
# The default's mini model, and width, feed-forward width and vocabulary each the root of ten times smaller and larger: every
# matrix has a tenth and ten times its parameters.
SIZES = {
    "tiny": MINI | {"hidden_size": 50, "intermediate_size": 136, "vocab_size": 1942},
    "mini": MINI,
    "10 x mini": MINI
    | {
        "hidden_size": 504,
        "intermediate_size": 1366,
        "vocab_size": 19428,
        "num_attention_heads": 7,
        "num_key_value_heads": 7,
    },
}
LENGTH, COUNTS = 96, (1, 2, 4, 8)
DESCRIBED = {
    "model": "m",
    "model_hash": "h",
    "revision": "1",
    "reduction": "corrected",
    "precision": "float32",
    "tokenizer": "t",
}
Point = tuple[str, str, int, Callable[[], float]]  # part, axis, value, a turn that returns its seconds


def clocked(call: Callable) -> float:
    """Seconds of the processor: on one thread those of the clock, if nothing else runs, and else the better measure."""
    started = time.process_time()
    call()
    return time.process_time() - started


def importance(sizes: dict, sequences: int, folder: Path, jobs: int = 1) -> float:
    """Jobs of importance, one after the other, each with sums of its own and a file; seconds without making the model."""
    text = random_text(sizes["vocab_size"], sequences, LENGTH)
    settings = {"batch_size": 8, "reduction": "corrected", "precision": "float32"}
    model = build(sizes, CPU, torch.float32, LENGTH)

    def run() -> None:
        for job in range(jobs):
            output = [str(folder / f"sum-{job}.safetensors")]
            importance_of_shard(model, text, [sequences], output, DESCRIBED, **settings)

    return clocked(run)


def write_importances(sizes: dict, count: int, folder: Path) -> list[str]:
    """Files as of so many languages or shards, of random numbers, written in a process that is gone afterwards."""
    paths = [str(folder / f"{sizes['hidden_size']}-{number}.safetensors") for number in range(count)]
    if not (child := os.fork()):
        model, generator = build(sizes, CPU, torch.float32, LENGTH), np.random.default_rng(0)
        layout = {name: ("F32", tuple(p.shape)) for name, p in model.named_parameters()}
        for path in paths:
            described = DESCRIBED | {"format": FORMAT, "language": "ru", "samples": "1", "tokens": "1"}
            with TensorWriter(path, layout, described | {"nll_nats": "1.0"}) as writer:
                for name, (_, shape) in layout.items():
                    writer.write(name, generator.standard_normal(shape, np.float32))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return paths


def selection(paths: list[str], folder: Path) -> float:
    """The core of so many languages: three ratios, top and bottom."""
    plan = {
        (side, ratio): str(folder / f"{side}-{ratio}")
        for side in ("top", "bottom")
        for ratio in ("0.01", "0.03", "0.05")
    }
    family = {"model_type": "llama"}
    return clocked(lambda: select(paths, plan, scope="matrix", region="core", metadata=family, **family))


def removal(sizes: dict, folder: Path, regions: int = 2) -> float:
    """The base and so many regions on 16 sequences."""
    model, text = build(sizes, CPU, torch.float32, LENGTH), random_text(sizes["vocab_size"], 16, LENGTH)
    return clocked(sweep_of(model, text, folder, {"batch_size": 4, "precision": "float32"}, regions))


def adding(paths: list[str], folder: Path) -> float:
    """Partial sums of so many shards become one."""
    return clocked(lambda: add_shards(paths, str(folder / "whole.safetensors"), {}))


def points(folder: Path) -> Iterator[Point]:
    """All of them. A language's shards share 64 sequences; every other job of importance has 8."""
    mini = SIZES["mini"]
    for sizes in SIZES.values():
        count, files = parameters_of(sizes), write_importances(sizes, 3, folder)
        yield "importance", "parameters", count, lambda s=sizes: importance(s, 8, folder)
        yield "selection", "parameters", count, lambda f=files: selection(f, folder)
        yield "removal sweep", "parameters", count, lambda s=sizes: removal(s, folder)
    files = write_importances(mini, 2 * COUNTS[-1], folder)
    for count in COUNTS:
        yield "importance", "languages", count, lambda n=count: importance(mini, 8, folder, jobs=n)
        yield "selection", "languages", 2 * count, lambda n=count: selection(files[: 2 * n], folder)
        yield "removal sweep", "languages", count, lambda n=count: removal(mini, folder, regions=n)
        yield "importance", "shards", count, lambda n=count: importance(mini, 64 // n, folder)
        yield "adding shards", "shards", 2 * count, lambda n=count: adding(files[: 2 * n], folder)


def measured(turn: Callable[[], float]) -> tuple[float, float]:
    """Seconds of a turn in a process of its own, and MiB that it took at most beside what it began with."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        began = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        seconds = turn()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - began
        os.write(writing, f"{seconds} {peak / 2**20}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found = answer.read().split()
    os.waitpid(child, 0)
    return float(found[0]), float(found[1])


if __name__ == "__main__":
    devices.prepare(1)
    place = Path(sys.argv[1])
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, axis, value, turn in points(place):
        turns = [measured(turn) for _ in range(2)]
        writer.writerow([part, axis, value, f"{min(s for s, _ in turns):.4g}", f"{min(m for _, m in turns):.4g}"])
