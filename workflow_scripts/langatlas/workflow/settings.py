"""The config: defaults filled in, every value checked, every mistake named before any job starts.

Schemas give types, ranges and defaults (``workflow.schema``); this module adds what a schema cannot say: that a name used in one
place is defined in another. No torch, no pandas: it runs at every start.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path

import yaml

from langatlas import languages, region_names
from langatlas.corpora.parts import check_parts
from langatlas.files import checkpoint_source
from langatlas.models.precision import switched
from langatlas.workflow import experiment_files
from langatlas.workflow.experiment_problems import experiment_problems
from langatlas.workflow.interventions import counted_languages
from langatlas.workflow.references import listed, reference_problems
from langatlas.workflow.results_folder import name_problems, place_problems
from langatlas.workflow.schema import fill_defaults, schema_problems
from langatlas.workflow.yaml_traps import LOADER, key_problems, written_problems

SECTIONS_GONE = ("generation", "steering", "translation", "questions", "pretraining")
FORMER_KEYS = {"silenced": "of"}


def checked(config: dict, schema_path: str | Path, files: Iterable[str | Path] = ()) -> dict:
    """A copy of the config with defaults filled in. ``files``: what it was read from, looked through for traps of YAML.

    Raises ValueError listing every mistake: key, value, what is allowed.
    """
    schema = yaml.load(Path(schema_path).read_text(encoding="utf-8"), Loader=LOADER)
    config = deepcopy(dict(config))
    problems = [problem for path in files for problem in written_problems(path)]
    if first := [*key_problems(config), *gone(config)]:
        problems += first
    else:
        fill_defaults(config, schema, schema)
        problems += schema_problems(config, schema)
    if not problems:
        config["experiments"], problems = experiment_files.load(config)
    if not problems:
        problems = list(inconsistencies(config))
    if problems:
        raise ValueError("the config cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return config


def gone(config: dict) -> Iterator[str]:
    """Keys of the config's former layout, and where each stands now."""
    for section in SECTIONS_GONE:
        if section in config:
            yield (
                f"{section}: experiments are files now: move each entry to config/experiments/NAME.yaml (or under "
                "experiments: NAME) as {intervene: …, measure: …}, and name it in `run`; see docs/experiments.md"
            )
    experiments = config.get("experiments")
    kinds = [experiment_files.of(f"intervene/{kind}")["properties"] for kind in experiment_files.entries("intervene")]
    former = {"kind", *FORMER_KEYS, *(key for keys in kinds for key in keys)}
    for name, entry in experiments.items() if isinstance(experiments, dict) else ():
        if entry is None:
            yield f"experiments.{name}: null takes nothing away any more; leave the name out of `run`"
        elif isinstance(entry, dict):
            for key in [key for key in entry if key in former]:
                yield f"experiments.{name}.{key}: it stands in experiments.{name}.intervene now" + (
                    f", and is called {FORMER_KEYS[key]}" if key in FORMER_KEYS else ""
                )


def refuse_unread(path: str | Path, files: Iterable[str | Path]) -> None:
    """Raise ValueError where ``path`` is there and none of ``files``, which were read: its owner believes that it is used."""
    path = Path(path)
    if path.exists() and not any(path.samefile(file) for file in files):
        raise ValueError(
            f"{path.absolute()} is not read: the default is the {path.name} beside the Snakefile. Lay yours over it with "
            f"--configfile {path}, or give it another name"
        )


def inconsistencies(config: dict) -> Iterator[str]:
    """Mistakes that lie between keys, or in the environment. The config is valid by the schema."""
    try:
        switched()
    except ValueError as error:
        yield str(error)
    yield from place_problems(config["results"])
    yield from name_problems(config)
    yield from _models(config)
    for name, corpus in config["corpora"].items():
        try:
            check_parts(corpus["parts"])
        except ValueError as error:
            yield f"corpora.{name}.{error}"
    yield from _languages(config)
    yield from reference_problems(config)
    for kind in ("core", "monolingual"):
        yield from _region_problems(kind, config["regions"][kind])
    yield from _region_name_problems(config)
    yield from _control_problems(config)
    yield from _neuron_problems(config)
    yield from experiment_problems(config)
    if sorted(set(config["importance"]["samples"])) != config["importance"]["samples"]:
        yield f"importance.samples: {config['importance']['samples']} must be ascending, each once"
    shards, samples = config["tokens"]["shards"]["locate"], config["importance"]["samples"][0]
    if shards > samples:
        yield f"tokens.shards.locate: {shards} shards are more than the {samples} samples of the first milestone"
    limit, most = config["tokens"]["max_sequences"]["locate"], config["importance"]["samples"][-1]
    if limit is not None and limit < most:
        yield f"tokens.max_sequences.locate: {limit} is less than the {most} samples that importance.samples asks for"


def _models(config: dict) -> Iterator[str]:
    for model in config["models"]:
        if (checkpoint := config["checkpoints"].get(model)) is None:
            continue
        if checkpoint["source"] == "huggingface" and not checkpoint["path"]:
            yield f"checkpoints.{model}.path: missing; give a checkpoint folder or a Hub id"
        elif checkpoint["source"] == "huggingface":
            try:
                checkpoint_source(checkpoint["path"], model)
            except ValueError as error:
                yield str(error)
        if checkpoint["source"] == "mini":
            for key in ("languages", "architecture", "training"):
                if not checkpoint[key]:
                    yield f"checkpoints.{model}.{key}: missing; a mini model needs it"


def _languages(config: dict) -> Iterator[str]:
    for label in config["languages"]:
        try:
            languages.get(label, config["labels"])
        except ValueError as error:
            yield f"languages: {error}"


def _neuron_problems(config: dict) -> Iterator[str]:
    found = counted_languages(config)
    if len(found) == 1:
        yield f"neurons.languages: {found[0]!r} alone has no neurons of its own; name two languages or more, or none"
    for name, counts in config["neurons"]["counts"].items():
        if name in config["models"]:
            yield f"neurons.counts.{name}: a model has this name; give the counts another one"
        for label in counts["languages"]:
            try:
                languages.get(label, config["labels"])
            except ValueError as error:
                yield f"neurons.counts.{name}.languages: {error}"


def _control_problems(config: dict) -> Iterator[str]:
    controls, variants = config["regions"]["controls"], config["importance"]["variants"]["names"]
    if controls["matched"] and "magnitude" not in variants:
        yield f"regions.controls.matched: needs magnitude in importance.variants.names ({listed(variants)}); or set it to []"


def _region_name_problems(config: dict) -> Iterator[str]:
    for name in region_names.ambiguous(config):
        yield f"languages: two regions would be called {name}; give the label that ends in a scope another name"


def _region_problems(kind: str, region: dict) -> Iterator[str]:
    if "top" not in region["sides"]:
        yield f"regions.{kind}.sides: {region['sides']} must hold top: tables and figures show it, and random is its control"
    if kind == "core" and region_names.PLAIN_SCOPE not in region["scopes"]:
        yield f"regions.core.scopes: {region['scopes']} must hold matrix: controls are chosen within matrices"
    if "random" in region["sides"] and not region["seeds"]:
        yield f"regions.{kind}.seeds: empty, but sides names random"
