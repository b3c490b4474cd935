"""Mistakes of experiments that no schema can tell: what an entry asks for and the rest of the config does not have."""

from collections.abc import Iterator

from langatlas import languages, region_names
from langatlas.corpora.translation_prompts import Condition
from langatlas.corpora.world.grammar import languages as told
from langatlas.corpora.world.knowledge import world
from langatlas.models.adapters import dimension_of
from langatlas.workflow.experiments import arms, languages_of, trains
from langatlas.workflow.interventions import counted_languages, placed
from langatlas.workflow.regions import agreement_languages


def experiment_problems(config: dict) -> Iterator[str]:
    """Mistakes of all experiments, as sentences. The config is valid by its schemas and names only what exists."""
    for place, entry in placed(config):
        yield from OF_KINDS.get(entry["kind"], _nothing)(place, entry, config)
    for name, experiment in config["experiments"].items():
        for measure, settings in experiment["measure"].items():
            place = f"experiments.{name}.measure.{measure}"
            yield from OF_MEASURES.get(measure, _nothing)(place, settings, languages_of(config, name), config)
        if trains(config, name) and (len(experiment["intervene"]) > 1 or list(experiment["measure"]) != ["perplexity"]):
            yield (
                f"experiments.{name}: an experiment that trains has that intervention alone and measures perplexity as it goes; "
                "measure more of what it keeps (keep: true) with kind swap"
            )


def _nothing(place: str, *more) -> Iterator[str]:
    return iter(())


# -- interventions -----------------------------------------------------------------------------------------------------


def _removal(place: str, entry: dict, config: dict) -> Iterator[str]:
    if entry["regions"] == "controls" and not region_names.controls(config):
        yield f"{place}.regions: no controls are chosen; name some in regions.controls, or another kind of region"
    if entry["regions"] == "equal":
        yield from _equal(place, entry, config)


def _equal(place: str, entry: dict, config: dict) -> Iterator[str]:
    """Sets of equal size need languages with a region and neurons."""
    yield from _needs_neurons(place, entry, config)
    found, own = counted_languages(config), config["regions"]["monolingual"]["languages"]
    if found and not agreement_languages(config):
        yield f"{place}: no language of neurons.languages ({', '.join(found)}) has a region of its own"
    for label in (config["regions"]["equal"]["languages"] or []) if found else []:
        for key, having in (("neurons.languages", found), ("regions.monolingual.languages", own)):
            if label not in having:
                yield f"regions.equal.languages: {label!r} is not in {key} ({', '.join(having)})"


def _needs_neurons(place: str, entry: dict, config: dict) -> Iterator[str]:
    if not counted_languages(config):
        yield f"{place}: nobody's neurons are found; name neurons.languages, or leave the experiment out of `run`"


def _lines(place: str, entry: dict, config: dict) -> Iterator[str]:
    for setting, axes in entry["settings"].items():
        for module, axis in axes.items():
            try:
                dimension_of(module, axis)
            except ValueError as error:
                yield f"{place}.settings.{setting}: {error}"


def _shapes(config: dict) -> Iterator[tuple[str, dict]]:
    """Shapes of mini models; those of others are known only when they are there."""
    for model in config["models"]:
        if shape := config["checkpoints"].get(model, {}).get("architecture"):
            yield model, shape


def _parameters(place: str, entry: dict, config: dict) -> Iterator[str]:
    for model, shape in _shapes(config):
        for number, wanted in enumerate(entry["parameters"]):
            if wanted["layer"] >= (layers := shape["num_hidden_layers"]):
                yield f"{place}.parameters[{number}].layer: {model} has no layer {wanted['layer']}, only 0 to {layers - 1}"


def _dimensions(place: str, entry: dict, config: dict) -> Iterator[str]:
    for model, shape in _shapes(config):
        size, wanted = shape["hidden_size"], entry["dimensions"]
        if wanted > size if isinstance(wanted, int) else max(wanted) >= size:
            yield f"{place}.dimensions: {model} has {size} dimensions, {wanted} is too much"


def _pretraining(place: str, entry: dict, config: dict) -> Iterator[str]:
    if entry["samples"] != sorted(entry["samples"]):
        yield f"{place}.samples: {entry['samples']} must be ascending"


def _swap(place: str, entry: dict, config: dict) -> Iterator[str]:
    kept = {
        f"{name}/{arm}"
        for name, experiment in config["experiments"].items()
        if trains(config, name) and any(one.get("keep") for one in experiment["intervene"])
        for arm in arms(config, name)
    }
    known = sorted(kept | set(config["models"]))
    for variant in entry["variants"]:
        if variant not in known:
            yield (
                f"{place}.variants: {variant!r} is no arm that an experiment of `run` keeps (keep: true), nor one of `models`; "
                f"there are {', '.join(known)}"
            )


# -- measures ----------------------------------------------------------------------------------------------------------


def _questions(place: str, settings: dict, measured: list[str], config: dict) -> Iterator[str]:
    for label in measured if settings["world"] else []:
        if label not in told():
            yield f"{place}.world: the world is not told in {label!r}; take it out of the languages or set world: false"
    if not (settings["world"] or settings["files"] or settings["tasks"]):
        yield f"{place}: no questions; set world: true, files, or tasks"
    if settings["files"] and "{language}" not in settings["files"] and len(measured) > 1:
        yield f"{place}.files: {settings['files']!r} must hold {{language}}, or languages only one"
    if set(settings["answers"]) <= {"sentences", "priors"} and settings["files"]:
        yield f"{place}.answers: sentences and priors exist for the world's questions only; for files name letters or texts too"
    for label in settings["tasks"]:
        if label not in measured:
            yield f"{place}.tasks: {label!r} is not among the languages of the experiment ({', '.join(measured)})"


def _translation(place: str, settings: dict, measured: list[str], config: dict) -> Iterator[str]:
    conditions = []
    for name in settings["conditions"]:
        try:
            conditions.append(Condition.parse(name))
            conditions[-1].languages(measured[0], settings["further"])
        except ValueError as error:
            yield f"{place}.conditions: {error}"
    if "direct" not in settings["conditions"]:
        yield f"{place}.conditions: direct is missing; all others are compared with it"
    inputs = dict.fromkeys([*settings["further"], *(c.pivot for c in conditions if c.pivot)])
    used = [*measured, settings["target"], *inputs]
    for label in dict.fromkeys(used):
        try:
            languages.get(label, config["labels"])
        except ValueError as error:
            yield f"{place}: {error}"
    for label in inputs:
        if label in measured:
            yield f"{place}.further: {label!r} is the source; name other languages, or a condition repeated-N"
        # The target among the inputs is no mistake of the config's form, but the model would only have to copy it.
        if label == settings["target"]:
            yield f"{place}.further: {label!r} is the target; the model would only have to copy it"
    if settings["target"] in measured:
        yield f"{place}.target: {settings['target']!r} is the source; name the experiment's languages"
    if not settings["files"]:
        yield from _untold(place, used, conditions)


def _untold(place: str, used: list[str], conditions: list[Condition]) -> Iterator[str]:
    """What the built-in world has not."""
    for label in dict.fromkeys(used):
        if label not in told():
            yield f"{place}: the world is not told in {label!r}; take it out, or name files of your own"
    others = int(world()["counts"]["sentences"]) - 1
    for condition in conditions:
        if condition.kind == "paraphrases" and condition.further > others:
            yield f"{place}.conditions: {condition.name}: the world has {others} paraphrases beside each sentence"


OF_KINDS = {
    "removal": _removal,
    "lines": _lines,
    "parameters": _parameters,
    "dimensions": _dimensions,
    "ablation": _needs_neurons,
    "steering": _needs_neurons,
    "pretraining": _pretraining,
    "swap": _swap,
}
OF_MEASURES = {"questions": _questions, "translation": _translation}
