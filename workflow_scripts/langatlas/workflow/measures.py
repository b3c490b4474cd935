"""Measures, by name: what each reads of a language, which module measures. Nothing is imported here.

A new measure is an entry of MEASURES, its schema ``schemas/measure/{measure}.yaml`` and a module with ``SCHEMA``, the columns
of an observation, and ``prepare(model, job)``, which gives a function that observes the model (``langatlas.measure.job``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from langatlas import languages as registry
from langatlas.corpora.translation_prompts import Condition
from langatlas.workflow import paths

if TYPE_CHECKING:
    from langatlas.plan.run import Text
    from langatlas.plan.shapes import Shape

Inputs = dict[str, str | list[str]]
# For the plan, assumed: tokens of a line of a translation prompt; choices of a question, and tokens of one. How many questions
# the world has, and a task of the harness (MMLU's number). Bytes of a row that holds numbers, of one that holds a text, and of a
# count of neurons.
SENTENCE_TOKENS, CHOICES, QUESTION_TOKENS, WORLD_QUESTIONS, TASK_QUESTIONS = 40, 4, 100, 1466, 14042
ROW, TEXT_ROW, COUNT = 9, 200, 1.5


@dataclass(frozen=True, slots=True)
class Observation:
    """What it takes to observe a model once on one language, for the plan.

    ``forward``: tokens that it reads; ``steps``: passes that write a token each; ``together``: tokens of the largest pass;
    ``beside``: bytes on the device beside weights and this pass; ``rows``, ``folder``: bytes that are written.
    """

    forward: float
    together: float
    steps: int = 0
    beside: float = 0
    rows: float = 0
    folder: float = 0


Observing = Callable[[dict, str, str, "Text", "Shape"], Observation]


def _reading(config: dict, experiment: str, language: str, text: "Text", shape: "Shape") -> Observation:
    """All of the test text, a batch after the other."""
    together = config["perplexity"]["batch_size"] * config["tokens"]["sequence_length"]
    return Observation(forward=text.tokens, together=together, rows=ROW * text.sequences)


@dataclass(frozen=True, slots=True)
class Measure:
    """``inputs(config, model, experiment, language)``: files beside the model; ``settings(config, experiment, language)``: what
    it is called with. ``observation(config, experiment, language, text, shape)``: what it costs, by the test text and the model's
    sizes; where nothing is said, the test text is read once. ``folder``: whether it writes a folder beside its rows. ``runtime``:
    minutes that a job may take.
    """

    module: str
    inputs: Callable[[dict, str, str, str], Inputs]
    settings: Callable[[dict, str, str], dict] = lambda config, experiment, language: {}
    observation: Observing = _reading
    folder: bool = False
    runtime: int = 240


def outputs(config: dict, measure: str) -> dict[str, str]:
    """What a measure writes, as patterns: rows, and perhaps a folder beside them."""
    coordinates = ("{model}", measure, "{experiment}", "{language}")
    rows = {"rows": paths.rows(config, *coordinates)}
    return rows | ({"folder": paths.row_folder(config, *coordinates)} if MEASURES[measure].folder else {})


def chosen(config: dict, experiment: str, measure: str) -> dict:
    """Settings of a measure in an experiment."""
    return config["experiments"][experiment]["measure"][measure]


def _test_shard(config: dict, model: str, experiment: str, language: str) -> Inputs:
    return {"shard": paths.token_shard(config, model, language, "test")}


def _test_shard_and_tokenizer(config: dict, model: str, experiment: str, language: str) -> Inputs:
    return _test_shard(config, model, experiment, language) | {"tokenizer": paths.tokenizer_files(config, model)}


def _generation(config: dict, experiment: str, language: str) -> dict:
    settings = chosen(config, experiment, "generation")
    found = {key: settings[key] for key in ("count", "prompt_tokens", "max_new_tokens", "batch_size")}
    return found | {"prompts": settings["prompts"].get(language), "detectable": detectable(config, experiment)}


def _writing(config: dict, experiment: str, language: str, text: "Text", shape: "Shape") -> Observation:
    """Batches of prompts, whatever their lengths; the config's own ones are taken to be as long as the others."""
    settings = chosen(config, experiment, "generation")
    prompts = len(settings["prompts"].get(language, [])) or settings["count"]
    tokens = settings["prompt_tokens"] + settings["max_new_tokens"]
    return Observation(
        forward=prompts * settings["prompt_tokens"],
        together=min(prompts, settings["batch_size"]) * tokens,
        steps=ceil(prompts / settings["batch_size"]) * settings["max_new_tokens"],
        rows=TEXT_ROW * prompts,
    )


def detectable(config: dict, experiment: str) -> list[str]:
    """Languages that a text can be said to be in."""
    entry = config["experiments"][experiment]
    steers = any(intervention["kind"] == "steering" for intervention in entry["intervene"])
    return (
        entry["measure"]["generation"]["detectable"] or (None if steers else entry["languages"]) or config["languages"]
    )


# -- questions ---------------------------------------------------------------------------------------------------------


def question_folder(config: dict, experiment: str, language: str) -> str:
    """Tasks of the harness that were written for a language."""
    return f"{config['results']}/questions/{experiment}/{language}"


def question_tasks(config: dict, experiment: str, language: str) -> list[tuple[str, str, str]]:
    """The local tasks of a language as (source, answers, language)."""
    settings = chosen(config, experiment, "questions")
    return [
        (source, answers, language)
        for source in ("world", "files")
        if settings[source]
        for answers in settings["answers"]
        if source == "world" or answers in ("letters", "texts")
    ]


def question_sources(config: dict, experiment: str, language: str) -> list[str]:
    """What the questions of a language are read from: the world's data files, your own file."""
    settings = chosen(config, experiment, "questions")
    found = paths.world([language]) if settings["world"] else []
    return found + (
        paths.own_files(settings["files"], [language], "measure.questions.files") if settings["files"] else []
    )


def _question_inputs(config: dict, model: str, experiment: str, language: str) -> Inputs:
    local = question_tasks(config, experiment, language)
    tasks = {"tasks": question_folder(config, experiment, language)} if local else {}
    return tasks | {"tokenizer": paths.tokenizer_files(config, model)}


def _questions(config: dict, experiment: str, language: str) -> dict:
    settings = chosen(config, experiment, "questions")
    local = ["-".join(parts) for parts in question_tasks(config, experiment, language)]
    found = {key: settings[key] for key in ("shots", "seed", "batch_size")}
    return found | {"local": local, "named": settings["tasks"].get(language, [])}


def _answering(config: dict, experiment: str, language: str, text: "Text", shape: "Shape") -> Observation:
    """Every choice of every question is read once, with the shots in front."""
    settings = chosen(config, experiment, "questions")
    local = len(question_tasks(config, experiment, language)) * (settings["count"] or WORLD_QUESTIONS)
    asked = local + len(settings["tasks"].get(language, [])) * TASK_QUESTIONS
    length = QUESTION_TOKENS * (1 + settings["shots"])
    return Observation(
        forward=asked * CHOICES * length, together=settings["batch_size"] * length, rows=TEXT_ROW * asked
    )


# -- translation -------------------------------------------------------------------------------------------------------


def translation_languages(config: dict, experiment: str, source: str) -> list[str]:
    """All languages in which the sentences of an experiment are needed, the source first."""
    settings = chosen(config, experiment, "translation")
    inputs = [
        language
        for condition in map(Condition.parse, settings["conditions"])
        for language in condition.languages(source, settings["further"])
    ]
    return list(dict.fromkeys([source, settings["target"], *inputs]))


def _translation_inputs(config: dict, model: str, experiment: str, source: str) -> Inputs:
    """The world's data files or your own; where a file is missing, the job says so."""
    files, languages = (
        chosen(config, experiment, "translation")["files"],
        translation_languages(config, experiment, source),
    )
    sentences = paths.own_files(files, languages, "measure.translation.files") if files else paths.world(languages)
    return {"sentences": sentences, "tokenizer": paths.tokenizer_files(config, model)}


def _translation(config: dict, experiment: str, source: str) -> dict:
    settings = {key: value for key, value in chosen(config, experiment, "translation").items() if key != "peaks"}
    labels = translation_languages(config, experiment, source)
    return settings | {"names": {label: registry.get(label, config["labels"]).name for label in labels}}


def _translating(config: dict, experiment: str, language: str, text: "Text", shape: "Shape") -> Observation:
    """A line for each input and example, then a token after the other; five sums of three classes of tokens a neuron.

    Rows hold two numbers a layer and new token.
    """
    settings = chosen(config, experiment, "translation")
    conditions = [Condition.parse(name) for name in settings["conditions"]]
    lines = sum((1 + condition.further) * (1 + condition.shots) for condition in conditions)
    batches = len(conditions) * ceil(settings["count"] / settings["batch_size"])
    written = len(conditions) * settings["count"] * settings["max_new_tokens"]
    counted = 3 * 5 * 8 * shape.layers * shape.feedforward
    return Observation(
        forward=lines * settings["count"] * SENTENCE_TOKENS,
        together=settings["batch_size"] * config["tokens"]["sequence_length"],
        steps=batches * settings["max_new_tokens"],
        beside=counted,
        rows=2 * COUNT * shape.layers * written,
        folder=len(conditions) * counted,
    )


MEASURES: dict[str, Measure] = {
    "perplexity": Measure("langatlas.measure.perplexity", _test_shard),
    "generation": Measure(
        "langatlas.measure.generation", _test_shard_and_tokenizer, _generation, _writing, runtime=120
    ),
    "questions": Measure("langatlas.measure.questions", _question_inputs, _questions, _answering),
    "translation": Measure(
        "langatlas.measure.translation", _translation_inputs, _translation, _translating, folder=True
    ),
}
