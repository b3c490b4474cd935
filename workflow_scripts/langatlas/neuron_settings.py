"""The config's keys about neurons: what ``null`` stands for, and names that are used in one place and defined in another."""

from collections.abc import Iterator
from itertools import permutations

from langatlas import languages


def neuron_languages(config: dict) -> list[str]:
    """Languages whose neurons are found (``neurons.languages``; null: all); none switches it off."""
    chosen = config["neurons"]["languages"]
    return config["languages"] if chosen is None else chosen


def steered_pairs(config: dict, name: str) -> list[list[str]]:
    """Pairs (source, target) of an entry of ``steering``; null: all pairs of languages whose neurons are found."""
    chosen = config["steering"][name]["pairs"]
    return [list(pair) for pair in permutations(neuron_languages(config), 2)] if chosen is None else chosen


def neuron_problems(config: dict) -> Iterator[str]:
    """Mistakes that lie between keys about neurons. The config is valid by the schema."""
    neurons, chosen = config["neurons"], neuron_languages(config)
    if len(chosen) == 1:
        yield f"neurons.languages: {chosen[0]!r} alone has no neurons of its own; name two languages or more, or none"
    for name, counts in neurons["counts"].items():
        if name in config["models"]:
            yield f"neurons.counts.{name}: a model has this name; give the counts another one"
        for label in counts["languages"]:
            try:
                languages.get(label, config["labels"])
            except ValueError as error:
                yield f"neurons.counts.{name}.languages: {error}"
    for name, chosen in config["experiments"].items():
        if chosen["kind"] == "neurons":
            yield from _needs_neurons(f"experiments.{name}", config)
    yield from _equal_problems(config)
    for name in config["steering"]:
        yield from _needs_neurons(f"steering.{name}", config)


def _equal_problems(config: dict) -> Iterator[str]:
    """Experiments that remove sets of equal size need languages with a region and neurons."""
    removed = [name for name, e in config["experiments"].items() if e["kind"] == "removal" and e["regions"] == "equal"]
    found, regions = neuron_languages(config), config["regions"]["monolingual"]["languages"]
    for name in removed:
        yield from _needs_neurons(f"experiments.{name}", config)
        if found and not set(found) & set(regions):
            yield f"experiments.{name}: no language of neurons.languages ({', '.join(found)}) has a region of its own"
    for label in (config["regions"]["equal"]["languages"] or []) if removed and found else []:
        for key, having in (("neurons.languages", found), ("regions.monolingual.languages", regions)):
            if label not in having:
                yield f"regions.equal.languages: {label!r} is not in {key} ({', '.join(having)})"


def _needs_neurons(key: str, config: dict) -> Iterator[str]:
    if not neuron_languages(config):
        yield f"{key}: nobody's neurons are found; name neurons.languages, or take the entry away with {key}: null"
