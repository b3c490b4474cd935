"""What a plan is made of: the merged config, the jobs of its DAG, the sizes of its models and of their text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from langatlas.plan.shapes import Shape, shape_of
from langatlas.workflow import experiments
from langatlas.workflow.measures import MEASURES, Observation

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

    @property
    def measure(self) -> str | None:
        """The measure of the registry whose rule this is."""
        name = self.rule.removeprefix("measure_")
        return name if name in MEASURES and name != self.rule else None


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
        trained = [experiments.training(self.config, name) for name in experiments.trained(self.config)]
        return max((chosen["samples"][-1] for chosen in trained), default=0)

    def observation(self, job: Job) -> Observation:
        """What it takes to observe the model once in a measure's job."""
        model, experiment, language = (job.wildcards[name] for name in ("model", "experiment", "language"))
        text, shape = self.text(model, language, "test"), self.shapes[model]
        return MEASURES[job.measure].observation(self.config, experiment, language, text, shape)

    def interventions(self, job: Job, mechanism: str | None = None) -> int:
        """How many interventions (of one mechanism) a measure's job makes."""
        return experiments.count(self.config, job.wildcards["experiment"], job.wildcards["language"], mechanism)

    def tested(self, job: Job) -> list[Text]:
        """Test text of every language that a job of further training reads at every milestone."""
        model, name = job.wildcards["model"], job.wildcards["experiment"]
        most = experiments.training(self.config, name)["sequences"]
        texts = [self.text(model, language, "test") for language in experiments.languages_of(self.config, name)]
        return [replace(text, sequences=min(text.sequences, most or text.sequences)) for text in texts]


@cache
def relative(results: str, path: str) -> tuple[str, ...]:
    """Parts of a path below the results folder; of a path elsewhere, its parts."""
    try:
        return Path(path).relative_to(results).parts
    except ValueError:
        return Path(path).parts
