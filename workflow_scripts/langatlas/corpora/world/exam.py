"""The same questions of the world in every language, for measuring a model: four choices, the answer's place balanced.

A fact is asked in words that belong to the test split, so what is measured is what training told in other words.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from langatlas.corpora.world.exercises import CHOICES, wrong_objects
from langatlas.corpora.world.grammar import language
from langatlas.corpora.world.knowledge import FOLDER, Fact, facts, fraction, world
from langatlas.corpora.world.passages import assignment


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A question, its choices, the sentence that each choice makes of the fact, and the place of the answer."""

    fact: str
    relation: str
    text: str
    choices: tuple[str, ...]
    sentences: tuple[str, ...]
    gold: int


def exam(code: str, count: int | None, seed: int, folder: Path = FOLDER) -> Iterator[ExamQuestion]:
    """``count`` questions (None: all), the same facts, wrong choices and places of the answer in every language.

    Relations take turns, so that common ones do not crowd out the others. Raises ValueError where there are fewer.
    """
    words = language(code, folder)
    for place, (fact, paraphrase) in enumerate(_chosen(count, seed, folder)):
        keys = list(wrong_objects(fact, folder))
        keys.insert(_gold(place, seed), fact.object)
        told = [words.clause(Fact(fact.id, fact.relation, (*fact.subject, key)), paraphrase) for key in keys]
        yield ExamQuestion(
            fact.id,
            fact.relation,
            words.question(fact),
            tuple(words.answer(fact, key) for key in keys),
            tuple(map(words.finish, told)),
            keys.index(fact.object),
        )


def _gold(place: int, seed: int) -> int:
    """Each block of four questions has the answer once at every place, in an order that the seed gives."""
    block = place // CHOICES
    order = sorted(range(CHOICES), key=lambda letter: fraction("exam place", seed, block, letter))
    return order[place % CHOICES]


def _chosen(count: int | None, seed: int, folder: Path) -> list[tuple[Fact, int]]:
    """Facts with enough wrong objects and words of the test split, with those words, one relation after the other."""
    by_relation, assigned = defaultdict(list), assignment(folder)
    number = int(world(folder)["counts"]["sentences"])
    for fact in sorted(facts(folder), key=lambda fact: fraction("exam", seed, fact.id)):
        ways = [way for way in range(number) if assigned[fact.id, way] == "test"]
        if ways and len(wrong_objects(fact, folder)) == CHOICES - 1:
            by_relation[fact.relation].append((fact, ways[0]))
    queues, found = list(by_relation.values()), []
    for turn in range(max(map(len, queues))):
        found += [queue[turn] for queue in queues if turn < len(queue)]
    if count is not None and count > len(found):
        raise ValueError(f"the world has {len(found)} questions with {CHOICES} choices, {count} are asked for")
    return found[:count]
