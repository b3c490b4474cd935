"""What a plan is made of: the merged config, the jobs of its DAG, the sizes of its models and of their text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from langatlas.plan.shapes import Shape, shape_of

TEST_SEQUENCES = 1000  # of a language whose test text is not here and not limited by the config


@dataclass(frozen=True)
class Job:
    """One job of the DAG. ``todo``: whether it would run now; ``gpu``: GPUs that it asks for."""

    rule: str
    wildcards: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    temporary: frozenset[str] = frozenset()
    gpu: int = 0
    todo: bool = True


@dataclass(frozen=True)
class Text:
    """Token sequences of a language and split. ``counted``: from stats.json of a run, not assumed."""

    sequences: int
    tokens_each: float
    counted: bool

    @property
    def tokens(self) -> float:
        return self.sequences * self.tokens_each


@dataclass(frozen=True)
class Run:
    """A checked config, its jobs, and how many test sequences to assume where nobody knows."""

    config: Mapping
    jobs: Sequence[Job]
    test_sequences: int = TEST_SEQUENCES
    _texts: dict = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return Path(self.config["results"])

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Sizes of every model that runs."""
        models = self.config["models"]
        return {model: shape_of(self.config["checkpoints"][model], str(self.results), model) for model in models}

    @property
    def samples(self) -> list[int]:
        return self.config["importance"]["samples"]

    def text(self, model: str, language: str, split: str) -> Text:
        """How much text there is: counted where it is tokenized already, else what the config allows, sequences full."""
        key = (model, language, split)
        if key not in self._texts:
            self._texts[key] = self._text(*key)
        return self._texts[key]

    def _text(self, model: str, language: str, split: str) -> Text:
        stats = self.results / model / "tokens" / language / split / "stats.json"
        length, limit = self.config["tokens"]["sequence_length"], self.config["tokens"]["max_sequences"][split]
        if stats.is_file():
            counts = json.loads(stats.read_text(encoding="utf-8"))
            return Text(counts["sequences"], counts["tokens"] / counts["sequences"], True)
        parts = self.config["corpora"][self.config["checkpoints"][model]["corpus"]]["parts"]
        documents = sum(part["documents"].get(split, 0) for part in parts if part["source"] == "world")
        if all(part["source"] == "world" for part in parts):
            return Text(min(documents, limit or documents), length, False)
        most = {"test": self.test_sequences, "locate": self.samples[-1], "pretrain": self._training_samples()}[split]
        return Text(limit or most, length, False)

    def _training_samples(self) -> int:
        return max((chosen["samples"][-1] for chosen in self.config["pretraining"].values()), default=0)


@cache
def relative(results: str, path: str) -> tuple[str, ...]:
    """Parts of a path below the results folder; of a path elsewhere, its parts."""
    try:
        return Path(path).relative_to(results).parts
    except ValueError:
        return Path(path).parts
