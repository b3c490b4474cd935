"""Checks of the config's keys about translation: names that are used in one place and defined in another."""

from collections.abc import Iterator

from langatlas import languages
from langatlas.corpora.translation_prompts import Condition
from langatlas.corpora.world.grammar import languages as told
from langatlas.corpora.world.knowledge import world


def translation_problems(key: str, chosen: dict, config: dict) -> Iterator[str]:
    """Mistakes of one entry. The config is valid by the schema."""
    conditions = []
    for name in chosen["conditions"]:
        try:
            conditions.append(Condition.parse(name))
            conditions[-1].languages(chosen["source"], chosen["further"])
        except ValueError as error:
            yield f"{key}.conditions: {error}"
    if "direct" not in chosen["conditions"]:
        yield f"{key}.conditions: direct is missing; all others are compared with it"
    used = [chosen["source"], chosen["target"], *chosen["further"], *(c.pivot for c in conditions if c.pivot)]
    for label in dict.fromkeys(used):
        try:
            languages.get(label, config["labels"])
        except ValueError as error:
            yield f"{key}: {error}"
    for label in dict.fromkeys([*chosen["further"], *(c.pivot for c in conditions if c.pivot)]):
        if label == chosen["source"]:
            yield f"{key}.further: {label!r} is the source; name other languages, or a condition repeated-N"
        # The target among the inputs is no mistake of the config's form, but the model would only have to copy it.
        if label == chosen["target"]:
            yield f"{key}.further: {label!r} is the target; the model would only have to copy it"
    if chosen["source"] == chosen["target"]:
        yield f"{key}.target: {chosen['target']!r} is the source"
    if not chosen["files"]:
        yield from _world_problems(key, used, conditions)


def _world_problems(key: str, used: list[str], conditions: list[Condition]) -> Iterator[str]:
    """What the built-in world has not."""
    for label in dict.fromkeys(used):
        if label not in told():
            yield f"{key}: the world is not told in {label!r}; take it out, or name files of your own"
    others = int(world()["counts"]["sentences"]) - 1
    for condition in conditions:
        if condition.kind == "paraphrases" and condition.further > others:
            yield f"{key}.conditions: {condition.name}: the world has {others} paraphrases beside each sentence"
