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
    for label in chosen:
        if label not in config["languages"]:
            yield f"neurons.languages: {label!r} is not in languages ({', '.join(config['languages'])})"
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
            key = f"experiments.{name}"
            yield from _choice_problems(key, chosen["silenced"] or [], chosen["methods"], config)
    yield from _equal_problems(config)
    for name, chosen in config["steering"].items():
        for label in chosen["detectable"] or []:
            if label not in config["languages"]:
                yield f"steering.{name}.detectable: {label!r} is not in languages ({', '.join(config['languages'])})"
        named = [label for pair in steered_pairs(config, name) for label in pair]
        yield from _choice_problems(f"steering.{name}", named, [chosen["method"]], config)


def _equal_problems(config: dict) -> Iterator[str]:
    """Experiments that remove sets of equal size need languages with a region and neurons."""
    removed = [name for name, e in config["experiments"].items() if e["kind"] == "removal" and e["regions"] == "equal"]
    found, regions = neuron_languages(config), config["regions"]["monolingual"]["languages"]
    for name in removed:
        yield from _choice_problems(f"experiments.{name}", [], [], config)
        if found and not set(found) & set(regions):
            yield f"experiments.{name}: no language of neurons.languages ({', '.join(found)}) has a region of its own"
    for label in (config["regions"]["equal"]["languages"] or []) if removed and found else []:
        for key, having in (("neurons.languages", found), ("regions.monolingual.languages", regions)):
            if label not in having:
                yield f"regions.equal.languages: {label!r} is not in {key} ({', '.join(having)})"


def _choice_problems(key: str, named: list[str], methods: list[str], config: dict) -> Iterator[str]:
    neurons, found = config["neurons"], neuron_languages(config)
    if not found:
        yield f"{key}: nobody's neurons are found; name neurons.languages, or take the entry away with {key}: null"
        return
    for label in named:
        if label not in found:
            yield f"{key}: {label!r} is not in neurons.languages ({', '.join(found)})"
    for method in methods:
        if method not in neurons["methods"]:
            yield f"{key}: {method!r} is not in neurons.methods ({', '.join(neurons['methods'])})"
