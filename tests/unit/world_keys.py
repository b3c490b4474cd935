"""What the tests of the world share: which names of which kind the facts need."""

from collections import defaultdict

from langatlas.corpora import world
from langatlas.corpora.world.grammar import language

DEFAULT_LANGUAGES = ["ar", "en", "es", "fa", "it", "ja", "ko", "pt", "ru", "uk", "vi", "zh"]


def used_keys() -> dict[str, set[str]]:
    """Kind of name -> keys that the facts use."""
    keys = defaultdict(set)
    for fact in world.facts():
        for kind, key in zip(language("en").roles[fact.relation].values(), fact.keys, strict=True):
            keys[kind].add(key)
    return keys


def names_of(code: str, keys: dict[str, set[str]]) -> list[str]:
    """Every name that the facts need, in one language."""
    return [language(code).name(kind, key) for kind in sorted(keys) for key in sorted(keys[kind])]
