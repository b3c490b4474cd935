"""Kinds of intervention, by name: what each reads, which module chooses and which makes its changes. Nothing is imported here.

A new kind is an entry of KINDS, its schema ``schemas/intervene/{kind}.yaml`` and a function ``choose(entry, files, manifest)``
that yields interventions; a new way of changing a model is an entry of MECHANISMS as well: a class with ``columns``,
``payload()`` and ``applied(model)`` (``langatlas.intervene.index``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

from langatlas import region_names
from langatlas.workflow import paths, regions

Inputs = dict[str, list[str]]
Entry = dict  # one intervention of an experiment, by schemas/intervene/{kind}.yaml
MECHANISMS = {
    "removal": "langatlas.intervene.removal:Removal",
    "edit": "langatlas.intervene.edits:Edit",
    "clamp": "langatlas.intervene.clamps:Clamp",
    "swap": "langatlas.intervene.swap:Swap",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """``inputs(config, model, entry)``: files that ``choose`` reads; ``changed``: those that the measuring job reads as well.

    ``mechanism``: what its interventions are. ``count(config, entry, language)``: how many are measured on a language, for the
    plan. ``measured``: languages that are measured where the experiment names none; None: all. ``spelled``: settings in which
    null stands for what the rest of the config says, spelled out. ``trains``: it has jobs of its own, which measure.
    """

    choose: str
    mechanism: str
    inputs: Callable[[dict, str, Entry], Inputs]
    count: Callable[[dict, Entry, str], int]
    changed: Callable[[dict, str, Entry], list[str]] = lambda config, model, entry: []
    measured: Callable[[dict, Entry], list[str] | None] = lambda config, entry: None
    spelled: Callable[[dict, Entry], dict] = lambda config, entry: {}
    trains: bool = False


def place_of(experiment: str, interventions: list, number: int) -> str:
    """Where an intervention stands in the config, as messages say it: the only one of an experiment needs no number."""
    return f"experiments.{experiment}.intervene" + (f"[{number}]" if len(interventions) > 1 else "")


def placed(config: dict) -> Iterator[tuple[str, Entry]]:
    """(place, intervention) of all experiments, in order."""
    for name, experiment in config["experiments"].items():
        for number, entry in enumerate(experiment["intervene"]):
            yield place_of(name, experiment["intervene"], number), entry


# -- regions -----------------------------------------------------------------------------------------------------------


def removed(config: dict, model: str, entry: Entry) -> list[str]:
    """Region files that are removed, in order."""
    chosen = entry["regions"]
    if isinstance(chosen, list):
        return regions.chosen_files(config, model, chosen)
    if chosen == regions.CONTROLS:
        return regions.control_files(config, model)
    if chosen == regions.EQUAL:
        return regions.equal_files(config, model)
    samples = entry["samples"] or [regions.last_milestone(config)]
    return [path for count in samples for path in regions.files(config, chosen, model, count)]


# -- lines, dimensions, parameters -------------------------------------------------------------------------------------


def _counted_region(config: dict, model: str, entry: Entry) -> Inputs:
    """The region whose lines are counted."""
    kind = regions.of(config, entry["region"]).kind
    ratio = entry["ratio"] or region_names.own_config(config, kind)["ratios"][-1]
    return {"region": [paths.region(config, model, entry["region"], regions.last_milestone(config), "top", ratio)]}


def _sides(config: dict, entry: Entry) -> dict:
    """Random lines by seed, after the other sides."""
    random = [f"random-{seed}" for seed in entry["seeds"]] if "random" in entry["sides"] else []
    return {"sides": [side for side in entry["sides"] if side != "random"] + random}


def _lines(config: dict, entry: Entry, language: str) -> int:
    sides = len(entry["sides"]) + ("random" in entry["sides"]) * (len(entry["seeds"]) - 1)
    return len(entry["settings"]) * len(entry["lines"]) * sides * len(entry["share"])


def _extremes(config: dict, model: str, needed: bool) -> Inputs:
    """A region, which names the model's matrices, and the largest activations where indices are theirs."""
    places = {"region": [regions.core(config, model)]}
    return places | ({"outliers": [paths.outliers(config, model)]} if needed else {})


def _dimensions(config: dict, entry: Entry, language: str) -> int:
    count = entry["dimensions"] if isinstance(entry["dimensions"], int) else len(entry["dimensions"])
    several = count > 1  # each alone, then all of them
    return count + several + len(entry["seeds"]) * (1 + several)


# -- neurons -----------------------------------------------------------------------------------------------------------


def counted_languages(config: dict) -> list[str]:
    """Languages whose neurons are found (``neurons.languages``; null: all); none switches it off."""
    chosen = config["neurons"]["languages"]
    return config["languages"] if chosen is None else chosen


def ablated(config: dict, entry: Entry) -> list[str]:
    """Languages whose neurons are held at 0."""
    return entry["of"] or counted_languages(config)


def steered_pairs(config: dict, entry: Entry) -> list[list[str]]:
    """Pairs (from, to); null: all pairs of languages whose neurons are found."""
    if entry["pairs"] is None:
        return [list(pair) for pair in permutations(counted_languages(config), 2)]
    return entry["pairs"]


def _steered_languages(config: dict, entry: Entry) -> list[str]:
    return list(dict.fromkeys(language for pair in steered_pairs(config, entry) for language in pair))


def _neurons(config: dict, model: str, methods: list[str], languages: list[str]) -> Inputs:
    return {
        "neurons": [paths.neurons(config, model, method) for method in methods],
        "activations": [paths.activations(config, model, language) for language in languages],
    }


def _ablations(config: dict, entry: Entry, language: str) -> int:
    """Each set with its random controls; only average precision has a bottom side."""
    sides = entry["sides"]
    sets = sum(len(sides) if method == "precision" else "top" in sides for method in entry["methods"])
    return len(ablated(config, entry)) * sets * (1 + len(entry["seeds"]) * len(entry["controls"]))


def _steerings(config: dict, entry: Entry, language: str) -> int:
    """Both parts, each alone, and the control of every pair."""
    return 4 * sum(entry["measured"] == "all" or source == language for source, _ in steered_pairs(config, entry))


def _sources(config: dict, entry: Entry) -> list[str] | None:
    if entry["measured"] == "all":
        return None
    return list(dict.fromkeys(source for source, _ in steered_pairs(config, entry)))


# -- further training and what it leaves -------------------------------------------------------------------------------


def arms(entry: Entry) -> list[str]:
    """Names of all arms: mode, side (none where the mode takes no region), treatment of master weights, seed."""
    found = []
    for arm in entry["arms"]:
        masters = entry["master"] if arm["mode"].startswith("zero") else ["corrected"]
        side = "none" if arm["mode"] == "full" else arm["side"]
        found += [f"{arm['mode']}-{side}-{master}-{seed}" for master in masters for seed in entry["seeds"]]
    return list(dict.fromkeys(found))


def variant_files(config: dict, model: str, entry: Entry) -> list[str]:
    """What describes each variant: kept by an arm (EXPERIMENT/ARM), or the manifest of another checkpoint."""
    return [
        paths.variant_manifest(config, model, name) if "/" in name else paths.manifest(config, name)
        for name in entry["variants"]
    ]


KINDS: dict[str, Kind] = {
    "removal": Kind(
        "langatlas.intervene.removal:choose",
        "removal",
        inputs=lambda config, model, entry: {"regions": removed(config, model, entry)},
        count=lambda config, entry, language: len(removed(config, "", entry)),
        changed=removed,
    ),
    "lines": Kind("langatlas.intervene.lines:choose", "edit", _counted_region, _lines, spelled=_sides),
    "dimensions": Kind(
        "langatlas.intervene.perturbation:choose_dimensions",
        "edit",
        lambda config, model, entry: _extremes(config, model, isinstance(entry["dimensions"], int)),
        _dimensions,
    ),
    "parameters": Kind(
        "langatlas.intervene.perturbation:choose_parameters",
        "edit",
        lambda config, model, entry: _extremes(config, model, any(p["index"] is None for p in entry["parameters"])),
        lambda config, entry, language: len(entry["parameters"]) * len(entry["operations"]) * (1 + len(entry["seeds"])),
    ),
    "ablation": Kind(
        "langatlas.intervene.ablation:choose",
        "clamp",
        lambda config, model, entry: _neurons(config, model, entry["methods"], ablated(config, entry)),
        _ablations,
        spelled=lambda config, entry: {"of": ablated(config, entry)},
    ),
    "steering": Kind(
        "langatlas.intervene.steering:choose",
        "clamp",
        lambda config, model, entry: _neurons(config, model, [entry["method"]], _steered_languages(config, entry)),
        _steerings,
        measured=_sources,
        spelled=lambda config, entry: {
            "pairs": steered_pairs(config, entry),
            "languages": _steered_languages(config, entry),
        },
    ),
    "swap": Kind(
        "langatlas.intervene.swap:choose",
        "swap",
        lambda config, model, entry: {"variants": variant_files(config, model, entry)},
        lambda config, entry, language: len(entry["variants"]),
        changed=variant_files,
    ),
    "pretraining": Kind(
        "", "swap", lambda config, model, entry: {}, lambda config, entry, language: len(arms(entry)), trains=True
    ),
}
