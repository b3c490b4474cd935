"""Prompts for translation with one or several inputs (Mu et al. 2024, parallel multilingual input), and their controls.

A prompt is a block for each example and one for the sentence that is asked, in the layout of the released code (its
version 8): what is wanted, a line for each input, and the name of the target language, after which the model writes.

Conditions, by name:

- ``direct``: the source sentence;
- ``pivot-LANGUAGE``: the sentence in that language instead;
- ``parallel-N``: the source sentence and the same in N further languages;
- ``repeated-N``: the source sentence, N times more: as many lines, nothing new;
- ``paraphrases-N``: the source sentence and N paraphrases in the same language: other words, no other language;

and each of them with ``-Kshot``: K examples before it, in the same condition.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langatlas.corpora.translations import Item

CONDITION = re.compile(
    r"(?:(?P<direct>direct)|pivot-(?P<pivot>[\w-]+?)|(?P<kind>parallel|repeated|paraphrases)-(?P<further>[1-9]\d*))"
    r"(?:-(?P<shots>[1-9]\d*)shot)?"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition taken apart. ``further``: inputs beside the source; ``pivot``: the language that stands for it, or empty."""

    name: str
    kind: str
    further: int = 0
    pivot: str = ""
    shots: int = 0

    @classmethod
    def parse(cls, name: str) -> "Condition":
        """Raises ValueError for a name that is none."""
        found = CONDITION.fullmatch(name)
        if not found:
            raise ValueError(
                f"{name!r} is no condition; there are direct, pivot-LANGUAGE, parallel-N, repeated-N, paraphrases-N, each "
                "perhaps with -Kshot"
            )
        kind = found["kind"] or ("pivot" if found["pivot"] else "direct")
        return cls(name, kind, int(found["further"] or 0), found["pivot"] or "", int(found["shots"] or 0))

    def languages(self, source: str, further: Sequence[str]) -> list[str]:
        """Language of each input line. Raises ValueError where fewer further languages are named than are needed."""
        if self.kind == "pivot":
            return [self.pivot]
        if self.kind != "parallel":
            return [source] * (1 + self.further)
        if len(further) < self.further:
            raise ValueError(f"{self.name} needs {self.further} further languages, only {len(further)} are named")
        return [source, *further[: self.further]]

    def inputs(self, item: Item, source: str, further: Sequence[str]) -> list[tuple[str, str]]:
        """(language, sentence) of each input line. Raises ValueError where an item has too few paraphrases."""
        used = self.languages(source, further)
        if self.kind != "paraphrases":
            return [(code, item.sentences[code]) for code in used]
        others = list(item.paraphrases.get(source, ()))
        if len(others) < self.further:
            raise ValueError(f"{self.name} needs {self.further} paraphrases, item {item.id} has {len(others)}")
        return list(zip(used, [item.sentences[source], *others], strict=False))


def usable(items: Sequence[Item], conditions: Sequence[Condition], source: str) -> list[Item]:
    """Items that every condition can be made of: all conditions are compared on the same sentences."""
    needed = max((c.further for c in conditions if c.kind == "paraphrases"), default=0)
    return [item for item in items if len(item.paraphrases.get(source, ())) >= needed]


def prompt(
    condition: Condition,
    item: Item,
    examples: Sequence[Item],
    *,
    source: str,
    target: str,
    further: Sequence[str],
    names: Mapping[str, str],
) -> str:
    """The text of a prompt. ``examples``: the first ``condition.shots`` of them are shown; ``names``: language -> its name."""
    if len(examples) < condition.shots:
        raise ValueError(f"{condition.name} needs {condition.shots} examples, there are {len(examples)}")

    def block(shown: Item) -> str:
        lines = [f"{names[code]}: {sentence}" for code, sentence in condition.inputs(shown, source, further)]
        return "\n".join([f"Translate into {names[target]}.", *lines, f"{names[target]}:"])

    solved = [f"{block(example)} {example.sentences[target]}\n\n" for example in examples[: condition.shots]]
    return "".join([*solved, block(item)])
