"""Names of regions: made here from the config, and looked up here. What a region is, is never read out of its name.

A label may hold a hyphen (``ru-romanized``) or be a word that also stands in names (``global``, ``core``): only two regions
of one name are refused. No numpy, no pandas: it runs at every start.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PLAIN_SCOPE = "matrix"  # the paper's: names without a suffix mean it
REMOVED = ("core", "monolingual")  # kinds that experiments, generation and questions remove by name
ONLY = "core-only_"  # a core from the importance of a single language


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of a region stands for.

    ``kind``: core, language, monolingual, control, shared or union; ``language``: whose it is, empty for regions of several;
    ``score``: of a control, what it was chosen by (a variant, few, only, matched).
    """

    name: str
    kind: str
    language: str = ""
    scope: str = PLAIN_SCOPE
    score: str = ""


def scope_suffix(scope: str) -> str:
    """What a name ends in for a scope."""
    return "" if scope == PLAIN_SCOPE else f"-{scope}"


def name_of(kind: str, language: str = "", scope: str = PLAIN_SCOPE) -> str:
    """``core``, ``core-global``, ``monolingual-ru``, ``monolingual-ru-global``."""
    return "-".join(filter(None, (kind, language))) + scope_suffix(scope)


def kind_of(name: str, language: str) -> str:
    """A name without its language: monolingual-ru-global gives monolingual-global; core-global stays as it is."""
    for kind in ("monolingual", "language") if language else ():
        if name.startswith(stem := name_of(kind, language)):
            return kind + name.removeprefix(stem)
    return name


def own_config(config: Mapping, kind: str) -> Mapping:
    """The part of the config that says which ratios, sides and scopes a kind of region has."""
    return config["regions"]["core" if kind == "core" else "monolingual"]


def of_kind(config: Mapping, kind: str) -> list[Named]:
    """All regions of a kind: core, language or monolingual. The first of a language is the one that figures show."""
    own = own_config(config, kind)
    labels = [""] if kind == "core" else own["languages"]
    return [Named(name_of(kind, label, s), kind, label, s) for label in labels for s in own["scopes"]]


def controls(config: Mapping) -> list[Named]:
    """Core regions that were chosen otherwise."""
    chosen, few = config["regions"]["controls"], config["importance"]["variants"]["samples"]
    # The published score from as few samples as the others: otherwise more text could pass for a better score.
    scores = ["few"] if few in config["importance"]["samples"][:-1] else []
    scores += chosen["variants"] + (["matched"] if chosen["matched"] else [])
    found = [Named(f"core-{score}", "control", score=score) for score in scores]
    return found + [Named(f"{ONLY}{label}", "control", label, score="only") for label in chosen["single"]]


def made(config: Mapping) -> Iterator[Named]:
    """Every region that the workflow makes, sets of equal size aside."""
    for kind in ("core", "language", "monolingual"):
        yield from of_kind(config, kind)
    for scope in own_config(config, "monolingual")["scopes"]:
        yield from (Named(name_of(kind, scope=scope), kind, scope=scope) for kind in ("shared", "union"))
    yield from controls(config)


def catalogue(config: Mapping) -> dict[str, Named]:
    """Every region by its name (``ambiguous`` must hold nothing)."""
    return {named.name: named for named in made(config)}


def ambiguous(config: Mapping) -> list[str]:
    """Names that two regions would have, such as those of the label ``ru-global`` beside ``ru`` with the scope global."""
    return [name for name, count in Counter(named.name for named in made(config)).items() if count > 1]


def removable(config: Mapping) -> dict[str, Named]:
    """Regions that experiments may name."""
    return {named.name: named for kind in REMOVED for named in of_kind(config, kind)}


def imported(name: str) -> Named:
    """What a region of other people's is, named as ours are, of the scope matrix. Raises ValueError for another name."""
    kind, _, label = name.partition("-")
    if name == "core" or (kind in ("monolingual", "language") and label):
        return Named(name, kind, label)
    raise ValueError(f"region {name!r}: must be core, monolingual-LANGUAGE or language-LANGUAGE, e.g. monolingual-ru")
