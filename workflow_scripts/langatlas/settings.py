"""The config: defaults filled in, every value checked, every mistake named before any job starts.

The schema gives types, ranges and defaults (``langatlas.schema``); this module adds what a schema cannot say: that a name
used in one place is defined in another. No torch, no pandas: it runs at every start.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path

import yaml

from langatlas import languages
from langatlas.corpora.parts import check_parts
from langatlas.files import checkpoint_source
from langatlas.models.adapters import dimension_of
from langatlas.models.precision import switched
from langatlas.neuron_settings import neuron_problems
from langatlas.results_folder import name_problems, place_problems
from langatlas.schema import fill_defaults, schema_problems
from langatlas.translation_settings import translation_problems
from langatlas.yaml_traps import LOADER, key_problems, written_problems

DROPPABLE = ("experiments", "generation", "steering", "translation", "questions", "pretraining")


def checked(config: dict, schema_path: str | Path, files: Iterable[str | Path] = ()) -> dict:
    """A copy of the config with defaults filled in. ``files``: what it was read from, looked through for traps of YAML.

    Raises ValueError listing every mistake: key, value, what is allowed.
    """
    schema = yaml.load(Path(schema_path).read_text(encoding="utf-8"), Loader=LOADER)
    config = deepcopy(dict(config))
    for section in DROPPABLE:
        if isinstance(config.get(section), dict):  # null takes away an entry that an overlay would inherit
            config[section] = {name: entry for name, entry in config[section].items() if entry is not None}
    problems = [problem for path in files for problem in written_problems(path)]
    if keys := list(key_problems(config)):
        problems += keys
    else:
        fill_defaults(config, schema, schema)
        problems += schema_problems(config, schema)
    if not problems:
        problems = list(inconsistencies(config))
    if problems:
        raise ValueError("the config cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return config


def refuse_unread(path: str | Path, files: Iterable[str | Path]) -> None:
    """Raise ValueError where ``path`` is there and none of ``files``, which were read: its owner believes that it is used."""
    path = Path(path)
    if path.exists() and not any(path.samefile(file) for file in files):
        raise ValueError(
            f"{path.absolute()} is not read: the default is the {path.name} beside the Snakefile. Lay yours over it with "
            f"--configfile {path}, or give it another name"
        )


def with_dropped(config: dict, given: dict) -> dict:
    """The checked config with the entries that null took away as null again: laid over the default it gives the same run."""
    dropped = {s: {name: None for name, entry in (given.get(s) or {}).items() if entry is None} for s in DROPPABLE}
    return config | {section: config[section] | names for section, names in dropped.items() if names}


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
    regions = config["regions"]
    for kind in ("core", "monolingual"):
        yield from _region_problems(kind, regions[kind])
    yield from _control_problems(config)
    yield from neuron_problems(config)
    for name, experiment in config["experiments"].items():
        yield from _experiment_problems(name, experiment, config)
    for name, chosen in config["generation"].items():
        yield from _generation_problems(f"generation.{name}", chosen, config)
    for name, chosen in config["translation"].items():
        yield from translation_problems(f"translation.{name}", chosen, config)
    for name, chosen in config["questions"].items():
        yield from _question_problems(f"questions.{name}", chosen, config)
    for name, chosen in config["pretraining"].items():
        yield from _pretraining_problems(f"pretraining.{name}", chosen, config)
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
        if model not in config["checkpoints"]:
            yield f"models: {model!r} is not defined; checkpoints holds {', '.join(config['checkpoints'])}"
            continue
        checkpoint = config["checkpoints"][model]
        if checkpoint["corpus"] not in config["corpora"]:
            known = ", ".join(config["corpora"])
            yield f"checkpoints.{model}.corpus: {checkpoint['corpus']!r} is not defined; corpora holds {known}"
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
    labels = config["labels"]
    for label in config["languages"]:
        try:
            languages.get(label, labels)
        except ValueError as error:
            yield f"languages: {error}"
    users = {f"regions.{kind}.languages": config["regions"][kind]["languages"] for kind in ("core", "monolingual")}
    users |= {
        f"checkpoints.{m}.languages": config["checkpoints"].get(m, {}).get("languages") or [] for m in config["models"]
    }
    for key, used in users.items():
        for label in used:
            if label not in config["languages"]:
                yield f"{key}: {label!r} is not in languages ({', '.join(config['languages'])})"


def _experiment_problems(name: str, experiment: dict, config: dict) -> Iterator[str]:
    milestones = config["importance"]["samples"]
    for samples in experiment["samples"] or []:
        if samples not in milestones:
            yield f"experiments.{name}.samples: {samples} is none of importance.samples {milestones}"
    for label in experiment["languages"] or []:
        if label not in config["languages"]:
            yield f"experiments.{name}.languages: {label!r} is not in languages ({', '.join(config['languages'])})"
    needs = {"removal": ["regions"], "lines": ["settings", "lines"], "parameters": ["parameters", "operations"]}
    for key in needs.get(experiment["kind"], []):
        if not experiment[key]:
            yield f"experiments.{name}.{key}: missing; an experiment of kind {experiment['kind']} needs it"
    if experiment["kind"] == "lines":
        region = "core" if experiment["region"].startswith("core") else "monolingual"
        ratios = config["regions"][region]["ratios"]
        if experiment["ratio"] is not None and experiment["ratio"] not in ratios:
            yield f"experiments.{name}.ratio: {experiment['ratio']} is none of regions.{region}.ratios {ratios}"
        for setting, axes in experiment["settings"].items():
            yield from _axis_problems(f"experiments.{name}.settings.{setting}", axes)


def _generation_problems(key: str, chosen: dict, config: dict) -> Iterator[str]:
    for label in [*(chosen["languages"] or []), *chosen["prompts"]]:
        if label not in config["languages"]:
            yield f"{key}: {label!r} is not in languages ({', '.join(config['languages'])})"
    yield from _region_choice_problems(key, chosen["regions"], config)


def _question_problems(key: str, chosen: dict, config: dict) -> Iterator[str]:
    for label in chosen["languages"] or []:
        if label not in config["languages"]:
            yield f"{key}: {label!r} is not in languages ({', '.join(config['languages'])})"
    told = languages.REGISTRY.parent / "world"
    for label in (chosen["languages"] or config["languages"]) if chosen["world"] else []:
        if not (told / f"{label}.yaml").is_file():
            yield f"{key}.world: the world is not told in {label!r}; take it out of {key}.languages or set world: false"
    if not (chosen["world"] or chosen["files"] or chosen["tasks"]):
        yield f"{key}: no questions; set world: true, files, or tasks"
    if chosen["files"] and "{language}" not in chosen["files"] and len(chosen["languages"] or config["languages"]) > 1:
        yield f"{key}.files: {chosen['files']!r} must hold {{language}}, or languages only one"
    if set(chosen["answers"]) <= {"sentences", "priors"} and chosen["files"]:
        yield f"{key}.answers: sentences and priors exist for the world's questions only; for files name letters or texts too"
    yield from _region_choice_problems(key, chosen["regions"], config)


def _region_choice_problems(key: str, regions: list[dict], config: dict) -> Iterator[str]:
    for number, wanted in enumerate(regions):
        kind, _, language = wanted["region"].partition("-")
        known = kind == "core" or (kind == "monolingual" and language in config["regions"]["monolingual"]["languages"])
        if not known:
            yield f"{key}.regions[{number}].region: {wanted['region']!r} is no region; there are core and monolingual-LANGUAGE"
        elif wanted["ratio"] not in config["regions"][kind]["ratios"]:
            ratios = config["regions"][kind]["ratios"]
            yield f"{key}.regions[{number}].ratio: {wanted['ratio']} is none of regions.{kind}.ratios {ratios}"


def _pretraining_problems(key: str, chosen: dict, config: dict) -> Iterator[str]:
    for label in [chosen["language"], *(chosen["languages"] or [])]:
        if label not in config["languages"]:
            yield f"{key}: {label!r} is not in languages ({', '.join(config['languages'])})"
    if chosen["samples"] != sorted(chosen["samples"]):
        yield f"{key}.samples: {chosen['samples']} must be ascending"
    core = config["regions"]["core"]
    if chosen["region"].startswith("core") and chosen["ratio"] not in core["ratios"]:
        yield f"{key}.ratio: {chosen['ratio']} is none of regions.core.ratios {core['ratios']}"
    if any(arm["side"] == "random" for arm in chosen["arms"]) and not set(chosen["seeds"]) <= set(core["seeds"]):
        yield f"{key}.seeds: {chosen['seeds']} must be among regions.core.seeds {core['seeds']}, for the random region of each"


def _control_problems(config: dict) -> Iterator[str]:
    controls, variants = config["regions"]["controls"], config["importance"]["variants"]["names"]
    needed = controls["variants"] + (["magnitude"] if controls["matched"] else [])
    for variant in needed:
        if variant not in variants:
            yield f"regions.controls: {variant!r} is not in importance.variants.names ({', '.join(variants)})"
    core = config["regions"]["core"]
    if controls["ratio"] not in core["ratios"]:
        yield f"regions.controls.ratio: {controls['ratio']} is none of regions.core.ratios {core['ratios']}"
    for label in config["regions"]["against"] or []:
        if label not in config["regions"]["monolingual"]["languages"]:
            yield f"regions.against: {label!r} has no region: it is not in regions.monolingual.languages"
    for label in controls["single"]:
        if label not in core["languages"] + config["regions"]["monolingual"]["languages"]:
            yield f"regions.controls.single: {label!r} has no importance: it is in neither regions.core nor regions.monolingual"


def _axis_problems(key: str, axes: dict[str, str]) -> Iterator[str]:
    for module, axis in axes.items():
        try:
            dimension_of(module, axis)
        except ValueError as error:
            yield f"{key}: {error}"


def _region_problems(kind: str, region: dict) -> Iterator[str]:
    if "random" in region["sides"] and "top" not in region["sides"]:
        yield f"regions.{kind}.sides: random is the control of top and needs it"
    if "random" in region["sides"] and not region["seeds"]:
        yield f"regions.{kind}.seeds: empty, but sides names random"
