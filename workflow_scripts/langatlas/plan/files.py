"""Bytes of every file of the results, from its path: before it is written.

| file | bytes |
| --- | --- |
| token shard | 4 a token, 12 a sequence, and 1,200 |
| importance, partial sum, other score | 4 a parameter |
| region | 1/8 a parameter of the decoder blocks |
| perplexity, further pretraining | about 9 a row (one an intervention and sequence) |
| activations of neurons | 40 a neuron of the feed-forward layers, and 4 for each sequence that is kept |
| translations | about 3 a layer, new token, sentence and condition |
| activations of neurons while a model translates | 120 a neuron of the feed-forward layers and condition |
| overlap, density, concentration | about 130 a line (one a matrix of each region or pair of regions) |
| text | about 4 a token before, 2 after compression |

and for each tensor of a safetensors file a line in its header.
"""

import math
from collections.abc import Iterable, Mapping

from langatlas.plan.costs import samples_in_shard
from langatlas.plan.run import Job, Run, relative
from langatlas.workflow import experiments
from langatlas.workflow.measures import ROW

TEXT = 2  # bytes of compressed text a token: UTF-8 of many scripts, about
LINE = 130  # of a CSV
SHARD = 1_200  # schema and provenance of a token shard
PARQUET = 8_000  # schema, statistics and provenance of a Parquet file
PROVENANCE, PROVENANCE_OF_REGION, PROVENANCE_OF_ACTIVATIONS = 1_300, 700, 450  # of a safetensors file
SMALL = 50_000  # a table, a figure, counts, a list of interventions: not worth a formula


def header(names: Iterable[str], beside: int = 70) -> int:
    """Bytes before the data of a safetensors file, its metadata aside: a line for each tensor (name, type, shape, place)."""
    return sum(len(name) + beside for name in names)


def importance_bytes(tensors: Mapping[str, tuple[int, ...]]) -> int:
    """An F32 tensor for every parameter."""
    return 4 * sum(map(math.prod, tensors.values())) + header(tensors) + PROVENANCE


def region_bytes(blocks: Mapping[str, tuple[int, ...]]) -> int:
    """A bit for every parameter of the decoder blocks; the metadata also holds names and shapes."""
    return sum(map(math.prod, blocks.values())) // 8 + header(blocks, 60) + header(blocks, 18) + PROVENANCE_OF_REGION


class Sizes:
    """Predicted bytes of the outputs of a run."""

    def __init__(self, run: Run):
        self.run = run
        self._importance = {model: importance_bytes(shape.tensors) for model, shape in run.shapes.items()}
        self._region = {model: region_bytes(shape.blocks) for model, shape in run.shapes.items()}

    def of(self, path: str, job: Job) -> float:
        """Bytes of an output of a job."""
        parts = relative(str(self.run.results), path)
        if path.endswith(".safetensors"):
            return self.tensors(parts)
        if path.endswith(".arrow"):
            _, _, language, split, _ = parts
            text = self.run.text(job.wildcards["model"], language, split)
            share = 1 / self.run.config["tokens"]["shards"][split]
            return share * (4 * text.tokens + 12 * text.sequences) + SHARD
        if job.rule == "build_corpus" and path.endswith(".parquet"):
            model = next(
                m for m in self.run.config["models"] if self.run.config["checkpoints"][m]["corpus"] == parts[1]
            )
            return TEXT * self.run.text(model, parts[2], parts[3].removesuffix(".parquet")).tokens
        if job.measure:
            once, times = self.run.observation(job), 1 + self.run.interventions(job)
            return PARQUET + times * once.rows if path.endswith(".parquet") else times * once.folder
        if "arm" in job.wildcards and path.endswith(".parquet"):
            milestones = experiments.training(self.run.config, job.wildcards["experiment"])["samples"]
            return PARQUET + ROW * (1 + len(milestones)) * sum(text.sequences for text in self.run.tested(job))
        if job.rule in ("measure_density", "measure_overlap", "measure_concentration"):
            return LINE * self._lines(job)
        return SMALL

    def tensors(self, parts: tuple[str, ...]) -> float:
        """Bytes of a safetensors file: weights of a model trained here, all of a variant, a region, or an importance."""
        if parts[0] == "models" or parts[1] == "variants":
            shape = self.run.shapes[parts[1] if parts[0] == "models" else parts[0]]
            return shape.parameters * shape.element
        if parts[1] == "activations":
            return self._activations(parts)
        return self._region[parts[0]] if parts[1] == "regions" else self._importance[parts[0]]

    def _activations(self, parts: tuple[str, ...]) -> float:
        """Five numbers of eight bytes a neuron, and its mean in some sequences; of one shard or of all."""
        shape, sequences = self.run.shapes[parts[0]], self.run.config["neurons"]["precision"]["sequences"]
        if len(parts) == 4:
            shards = self.run.config["tokens"]["shards"]["locate"]
            sequences = samples_in_shard(sequences, int(parts[3].split(".")[0]), shards)
        names = ["all.sum_squares"] * 5 + ["means.00"] * shape.layers
        data = shape.layers * shape.feedforward * (40 + 4 * sequences)
        return data + header(names) + PROVENANCE_OF_ACTIVATIONS

    def _lines(self, job: Job) -> int:
        """Rows of what is counted a matrix."""
        shape, regions = self.run.shapes[job.wildcards["model"]], len([p for p in job.inputs if "/regions/" in p])
        if job.rule == "measure_density":
            return regions * len(shape.blocks)
        if job.rule == "measure_concentration":  # Moran's I and two axes of each matrix
            return 3 * regions * sum(len(tensor) == 2 for tensor in shape.blocks.values())
        languages = len(self.run.config["regions"]["monolingual"]["languages"])
        sides = regions // languages
        return sides * languages * (languages - 1) // 2 * len(shape.blocks)
