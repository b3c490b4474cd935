"""Names in the config that must exist elsewhere in it: one list of which key names what, checked before any job.

A key is written as a path: ``*`` is every entry of a mapping, ``[]`` every value of a list, ``{}`` every name of a mapping.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from langatlas import region_names
from langatlas.models.adapters import ADAPTERS, MODULE_ORDER, Fused
from langatlas.workflow.interventions import counted_languages, placed
from langatlas.workflow.paths import ROOT

PART = re.compile(r"\[\]|\{\}|[^.\[{]+")
SHOWN = 30  # allowed values of a message; a run may have hundreds of languages
PUBLISHED = ROOT / "resources" / "published"
Allowed = Callable[[Mapping], Sequence]


@dataclass(frozen=True, slots=True)
class Reference:
    """A key whose values must be among others: those of another key by its path, or of a function under a description.

    ``only``: a key of the entry and the value that it must have, else nothing is checked.
    """

    key: str
    among: str
    allowed: Allowed | None = None
    only: tuple[str, str] | None = None


def with_importance(config: Mapping) -> list[str]:
    """Labels whose importance is taken."""
    return [*config["regions"]["core"]["languages"], *config["regions"]["monolingual"]["languages"]]


def ratios_of_both(config: Mapping) -> list[float]:
    """Ratios that core and monolingual regions share: figures show both kinds at one."""
    return [r for r in config["regions"]["core"]["ratios"] if r in config["regions"]["monolingual"]["ratios"]]


def modules_in_use(config: Mapping) -> list[str]:
    """Short names of matrices and vectors that a model may have; what a model here has is known of mini models only."""
    used = [config["checkpoints"][model] for model in config["models"] if model in config["checkpoints"]]
    minis = any(checkpoint["source"] == "mini" for checkpoint in used)
    adapters = [ADAPTERS["llama"]] if minis else ADAPTERS.values()
    entries = [entry for adapter in adapters for entry in adapter.modules.values()]
    named = [name for entry in entries for name in (entry.modules if isinstance(entry, Fused) else (entry,))]
    return list(dict.fromkeys([*(m for m in MODULE_ORDER if m in named), *named]))


def matrices_in_use(config: Mapping) -> list[str]:
    """The same without norm vectors."""
    return [module for module in modules_in_use(config) if module in MODULE_ORDER]


def published_models(config: Mapping) -> list[str]:
    """Models whose numbers the papers give."""
    names = []
    for path in sorted(PUBLISHED.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            names += [row["model"] for row in csv.DictReader(handle) if row.get("model")]
    return list(dict.fromkeys(names))


ABLATION, STEERING = ("kind", "ablation"), ("kind", "steering")
INTERVENE, GENERATION = "experiments.*.intervene[]", "experiments.*.measure.generation"
REFERENCES = (
    Reference("models[]", "checkpoints"),
    Reference("regions.core.languages[]", "languages"),
    Reference("regions.monolingual.languages[]", "languages"),
    Reference("regions.against[]", "regions.monolingual.languages"),
    Reference("regions.controls.single[]", "regions.core.languages or regions.monolingual.languages", with_importance),
    Reference("regions.controls.variants[]", "importance.variants.names"),
    Reference("regions.controls.ratio", "regions.core.ratios"),
    Reference("neurons.languages[]", "languages"),
    Reference("experiments.*.languages[]", "languages"),
    Reference(f"{INTERVENE}.samples[]", "importance.samples", only=("kind", "removal")),
    Reference(f"{INTERVENE}.methods[]", "neurons.methods", only=ABLATION),
    Reference(f"{INTERVENE}.of[]", "neurons.languages", counted_languages, ABLATION),
    Reference(f"{INTERVENE}.method", "neurons.methods", only=STEERING),
    Reference(f"{INTERVENE}.pairs[][]", "neurons.languages", counted_languages, STEERING),
    Reference(f"{INTERVENE}.parameters[].module", "the modules of a model", modules_in_use, ("kind", "parameters")),
    Reference(f"{INTERVENE}.language", "languages", only=("kind", "pretraining")),
    Reference(f"{GENERATION}.prompts{{}}", "languages"),
    Reference(f"{GENERATION}.detectable[]", "languages"),
    Reference("experiments.*.measure.questions.tasks{}", "languages"),
    Reference("figures.density.languages[]", "regions.monolingual.languages"),
    Reference("figures.density.ratio", "regions.core.ratios and regions.monolingual.ratios", ratios_of_both),
    Reference("figures.density.modules[]", "the matrices of a model", matrices_in_use),
    Reference("figures.density.language_module", "the matrices of a model", matrices_in_use),
)
# Keys of an entry of checkpoints, for the models of this run: what is said of others is not read.
OF_MODELS = (
    Reference("corpus", "corpora"),
    Reference("languages[]", "languages"),
    Reference("published_as", "resources/published", published_models),
)


def reference_problems(config: Mapping) -> Iterator[str]:
    """Every name that exists nowhere, as a sentence with key, value and what is allowed. The config is valid by the schema."""
    for reference in REFERENCES:
        yield from _problems(reference, reference.key, config)
    for model in config["models"]:
        for reference in OF_MODELS:
            yield from _problems(reference, f"checkpoints.*.{reference.key}", config, model)
    for place, choice in _choices_of_regions(config):
        yield from _region_problems(place, choice, config)


def _problems(reference: Reference, key: str, config: Mapping, entry: str | None = None) -> Iterator[str]:
    found = list(values(config, PART.findall(key), reference.only, entry))
    allowed = _allowed(reference, config) if found else []
    for place, value in found:
        if value not in allowed:
            yield f"{place}: {value!r} is not in {reference.among} ({listed(allowed)})"


def _allowed(reference: Reference, config: Mapping) -> list:
    if reference.allowed:
        return list(reference.allowed(config))
    ((_, found),) = values(config, PART.findall(reference.among))
    return list(found)


def listed(allowed: Sequence) -> str:
    """What is allowed, for a message."""
    more = f", and {len(allowed) - SHOWN} more" if len(allowed) > SHOWN else ""
    return ", ".join(map(str, allowed[:SHOWN])) + more or "none"


def values(
    found, parts: Sequence[str], only: tuple[str, str] | None = None, entry: str | None = None, place: str = ""
) -> Iterator[tuple[str, object]]:
    """(place, value) of every value of a key, as its PARTs; a null has none. ``entry``: the only name that ``*`` stands for."""
    if found is None or not parts:
        yield from [(place, found)] * (found is not None)
        return
    part, rest = parts[0], parts[1:]
    if part == "{}":
        yield from ((place, name) for name in found)
    elif part == "[]":
        inside = any(part not in ("[]", "{}") for part in rest)  # the place of a plain value is its list
        inside &= not (only and len(found) == 1)  # the only intervention of an experiment needs no number: place_of
        for number, value in enumerate(found):
            if only is None or value.get(only[0]) == only[1]:
                yield from values(value, rest, place=f"{place}[{number}]" if inside else place)
    elif part == "*":
        for name, value in found.items():
            if entry in (None, name):
                yield from values(value, rest, only, place=f"{place}.{name}")
    else:  # an experiment has only the measures that it names
        yield from values(found.get(part), rest, only, entry, f"{place}.{part}".lstrip("."))


@dataclass(frozen=True, slots=True)
class Choice:
    """A region file that an entry asks for: its name, ratio (None: any), sides, and seeds of a random side."""

    region: str
    ratio: float | None
    sides: Sequence[str]
    seeds: Sequence[int] = ()


def _choices_of_regions(config: Mapping) -> Iterator[tuple[str, Choice]]:
    """(place, choice) of every intervention that names a region."""
    for place, entry in placed(config):
        if entry["kind"] == "removal" and isinstance(entry["regions"], list):
            for index, chosen in enumerate(entry["regions"]):
                yield f"{place}.regions[{index}]", Choice(chosen["region"], chosen["ratio"], chosen["sides"])
        elif entry["kind"] == "pretraining":
            sides = [arm["side"] for arm in entry["arms"] if arm["mode"] != "full"]
            seeds = entry["seeds"] if "random" in sides else ()  # a random region has the seed of its arm
            yield place, Choice(entry["region"], entry["ratio"], dict.fromkeys(sides), seeds)
        elif entry["kind"] == "lines":
            yield place, Choice(entry["region"], entry["ratio"], ["top"])


def _region_problems(place: str, choice: Choice, config: Mapping) -> Iterator[str]:
    regions = region_names.removable(config)
    if choice.region not in regions:
        yield f"{place}.region: {choice.region!r} is no region; there are {listed(list(regions))}"
        return
    kind = regions[choice.region].kind
    own, key = region_names.own_config(config, kind), f"regions.{kind}"
    if choice.ratio is not None and choice.ratio not in own["ratios"]:
        yield f"{place}.ratio: {choice.ratio} is not in {key}.ratios ({listed(own['ratios'])})"
    for side in choice.sides:
        if side not in own["sides"]:
            yield f"{place}.sides: {side!r} is not in {key}.sides ({listed(own['sides'])})"
    for seed in choice.seeds:
        if seed not in own["seeds"]:
            yield f"{place}.seeds: {seed} is not in {key}.seeds ({listed(own['seeds'])}), for the random region of each"
