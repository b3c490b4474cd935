"""The config: defaults filled in, every value checked, every mistake named before any job starts.

The schema gives types, ranges and defaults; this module turns its complaints into sentences and adds what a schema
cannot say: that a name used in one place is defined in another. No torch, no pandas: it runs at every start.
"""

import difflib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError

from langatlas import languages, region_names
from langatlas.corpora.parts import check_parts
from langatlas.models.adapters import dimension_of
from langatlas.neuron_settings import neuron_problems
from langatlas.references import listed, reference_problems
from langatlas.translation_settings import translation_problems

FOLDERS = (
    "models",
    "corpora",
    "questions",
    "tables",
    "figures",
    "logs",
    "benchmarks",
)  # of results, beside those of models
DROPPABLE = ("experiments", "generation", "steering", "translation", "questions", "pretraining")


def checked(config: dict, schema_path: str | Path) -> dict:
    """A copy of the config with defaults filled in. Raises ValueError listing every mistake: key, value, what is allowed."""
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    config = deepcopy(dict(config))
    for section in DROPPABLE:
        if isinstance(config.get(section), dict):  # null takes away an entry that an overlay would inherit
            config[section] = {name: entry for name, entry in config[section].items() if entry is not None}
    fill_defaults(config, schema, schema)
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    problems = [problem for error in errors for problem in explain(error)]
    if not problems:
        problems = list(inconsistencies(config))
    if problems:
        raise ValueError("the config cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return config


def with_dropped(config: dict, given: dict) -> dict:
    """The checked config with the entries that null took away as null again: laid over the default it gives the same run."""
    dropped = {s: {name: None for name, entry in (given.get(s) or {}).items() if entry is None} for s in DROPPABLE}
    return config | {section: config[section] | names for section, names in dropped.items() if names}


def fill_defaults(value, schema: dict, root: dict) -> None:
    """Fill in, in place, the defaults that the schema gives for missing keys, at any depth."""
    schema = resolve(schema, root)
    if isinstance(value, dict):
        for key, sub in schema.get("properties", {}).items():
            sub = resolve(sub, root)
            if key not in value and "default" in sub:
                value[key] = deepcopy(sub["default"])
            if key in value:
                value[key] = as_written(value[key], sub)
                fill_defaults(value[key], sub, root)
        if isinstance(sub := schema.get("additionalProperties"), dict):
            for key in value.keys() - schema.get("properties", {}).keys():
                fill_defaults(value[key], sub, root)
    elif isinstance(value, list) and "items" in schema:
        items = resolve(schema["items"], root)
        value[:] = [as_written(item, items) for item in value]
        for item in value:
            fill_defaults(item, items, root)


def as_written(value, schema: dict):
    """The only whole number that a ratio may be, as a decimal one: ratios are parts of names, and 1 and 1.0 must be one file."""
    return 1.0 if value == 1 and type(value) is int and "number" in schema.get("type", ()) else value


def resolve(schema: dict, root: dict) -> dict:
    """Follow a ``$ref`` to ``#/$defs/name``; keys beside it take precedence."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def explain(error: ValidationError) -> list[str]:
    """A schema's complaint as sentences that name the key, the value and what is allowed."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        return [
            f"unknown key {_join(place, key)}{_suggest(key, known)}; allowed here: {', '.join(known)}"
            for key in unknown
        ]
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return [f"key {_join(place, key)} is missing" for key in missing]
    allowed = {
        "enum": lambda: "must be one of " + ", ".join(map(str, error.validator_value)),
        "type": lambda: f"must be of type {error.validator_value}",
        "minimum": lambda: f"must be at least {error.validator_value}",
        "exclusiveMinimum": lambda: f"must be greater than {error.validator_value}",
        "maximum": lambda: f"must be at most {error.validator_value}",
        "minItems": lambda: f"must hold at least {error.validator_value} value(s)",
        "uniqueItems": lambda: "must not repeat a value",
        "pattern": lambda: f"must match {error.validator_value}",
    }.get(error.validator, lambda: error.message)
    return [f"{place or 'config'}: {error.instance!r} {allowed()}"]


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _suggest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def inconsistencies(config: dict) -> Iterator[str]:
    """Mistakes that lie between keys. The config is valid by the schema."""
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
    yield from neuron_problems(config)
    if not config["experiments"]:
        yield "experiments: none is left, and tables are made of what they measure; keep one, such as core-removal"
    for name, experiment in config["experiments"].items():
        yield from _experiment_problems(name, experiment, config)
    for name, chosen in config["translation"].items():
        yield from translation_problems(f"translation.{name}", chosen, config)
    for name, chosen in config["questions"].items():
        yield from _question_problems(f"questions.{name}", chosen, config)
    for name, chosen in config["pretraining"].items():
        if chosen["samples"] != sorted(chosen["samples"]):
            yield f"pretraining.{name}.samples: {chosen['samples']} must be ascending"
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
        if model in FOLDERS:
            yield f"models: {model!r} is the name of a folder of every run; give the model another name"
        if (checkpoint := config["checkpoints"].get(model)) is None:
            continue
        if checkpoint["source"] == "huggingface" and not checkpoint["path"]:
            yield f"checkpoints.{model}.path: missing; give a checkpoint folder or a Hub id"
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


def _experiment_problems(name: str, experiment: dict, config: dict) -> Iterator[str]:
    needs = {"removal": ["regions"], "lines": ["settings", "lines"], "parameters": ["parameters", "operations"]}
    for key in needs.get(experiment["kind"], []):
        if not experiment[key]:
            yield f"experiments.{name}.{key}: missing; an experiment of kind {experiment['kind']} needs it"
    if experiment["kind"] == "removal" and experiment["regions"] == "controls" and not region_names.controls(config):
        yield f"experiments.{name}.regions: no controls are chosen; name some in regions.controls, or another kind of region"
    if experiment["kind"] == "lines":
        for setting, axes in experiment["settings"].items():
            yield from _axis_problems(f"experiments.{name}.settings.{setting}", axes)
    yield from _place_problems(f"experiments.{name}", experiment, config)


def _place_problems(key: str, experiment: dict, config: dict) -> Iterator[str]:
    """Layers and dimensions that a mini model has not; of other models they are known only when they are there."""
    shapes = {m: config["checkpoints"][m]["architecture"] for m in config["models"] if m in config["checkpoints"]}
    for model, shape in ((model, shape) for model, shape in shapes.items() if shape):
        for number, wanted in enumerate(experiment["parameters"] if experiment["kind"] == "parameters" else []):
            if wanted["layer"] >= (layers := shape["num_hidden_layers"]):
                yield f"{key}.parameters[{number}].layer: {model} has no layer {wanted['layer']}, only 0 to {layers - 1}"
        if experiment["kind"] == "dimensions":
            size, wanted = shape["hidden_size"], experiment["dimensions"]
            if wanted > size if isinstance(wanted, int) else max(wanted) >= size:
                yield f"{key}.dimensions: {model} has {size} dimensions, {wanted} is too much"


def _question_problems(key: str, chosen: dict, config: dict) -> Iterator[str]:
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


def _control_problems(config: dict) -> Iterator[str]:
    controls, variants = config["regions"]["controls"], config["importance"]["variants"]["names"]
    if controls["matched"] and "magnitude" not in variants:
        yield f"regions.controls.matched: needs magnitude in importance.variants.names ({listed(variants)}); or set it to []"


def _region_name_problems(config: dict) -> Iterator[str]:
    for name in region_names.ambiguous(config):
        yield f"languages: two regions would be called {name}; give the label that ends in a scope another name"


def _axis_problems(key: str, axes: dict[str, str]) -> Iterator[str]:
    for module, axis in axes.items():
        try:
            dimension_of(module, axis)
        except ValueError as error:
            yield f"{key}: {error}"


def _region_problems(kind: str, region: dict) -> Iterator[str]:
    if "top" not in region["sides"]:
        yield f"regions.{kind}.sides: {region['sides']} must hold top: tables and figures show it, and random is its control"
    if kind == "core" and region_names.PLAIN_SCOPE not in region["scopes"]:
        yield f"regions.core.scopes: {region['scopes']} must hold matrix: controls are chosen within matrices"
    if "random" in region["sides"] and not region["seeds"]:
        yield f"regions.{kind}.seeds: empty, but sides names random"
