"""Measures, by name: what each reads of a language, which module measures. Nothing is imported here.

A new measure is an entry of MEASURES, its schema ``schemas/measure/{measure}.yaml`` and a module with ``SCHEMA``, the columns
of an observation, and ``prepare(model, job)``, which gives a function that observes the model (``langatlas.measure.job``).
"""

from collections.abc import Callable
from dataclasses import dataclass

from langatlas import languages as registry
from langatlas.corpora.translation_prompts import Condition
from langatlas.workflow import paths

Inputs = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Measure:
    """``inputs(config, model, experiment, language)``: files beside the model; ``settings(config, experiment, language)``: what
    it is called with. ``folder``: whether it writes a folder beside its rows. ``runtime``: minutes that a job may take.
    """

    module: str
    inputs: Callable[[dict, str, str, str], Inputs]
    settings: Callable[[dict, str, str], dict] = lambda config, experiment, language: {}
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
    found = {key: settings[key] for key in ("count", "prompt_tokens", "max_new_tokens")}
    return found | {"prompts": settings["prompts"].get(language), "detectable": detectable(config, experiment)}


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


MEASURES: dict[str, Measure] = {
    "perplexity": Measure("langatlas.measure.perplexity", _test_shard),
    "generation": Measure("langatlas.measure.generation", _test_shard_and_tokenizer, _generation, runtime=120),
    "questions": Measure("langatlas.measure.questions", _question_inputs, _questions),
    "translation": Measure("langatlas.measure.translation", _translation_inputs, _translation, folder=True),
}
