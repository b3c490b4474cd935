"""The same questions of the world in every language, for measuring a model: four choices, the answer's place balanced.

A fact is asked in words that belong to the test split, so what is measured is what training told in other words. Its
control is the same sentences told of another subject, of which no choice is true: how often the right choice wins there is
how often it wins for being a frequent answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from langatlas.corpora.world.exercises import CHOICES, wrong_objects
from langatlas.corpora.world.grammar import Language, language
from langatlas.corpora.world.knowledge import FOLDER, Fact, facts, fraction, holds, world
from langatlas.corpora.world.passages import assignment


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A question, its choices, the place of the answer, and the sentences that the choices make.

    ``sentences``: of the fact; ``elsewhere``: of another subject, all of them false.
    """

    fact: str
    relation: str
    text: str
    choices: tuple[str, ...]
    sentences: tuple[str, ...]
    elsewhere: tuple[str, ...]
    gold: int


def exam(code: str, count: int | None, seed: int, folder: Path = FOLDER) -> Iterator[ExamQuestion]:
    """``count`` questions (None: all), the same facts, wrong choices and places of the answer in every language.

    Relations take turns, so that common ones do not crowd out the others. Raises ValueError where there are fewer.
    """
    words = language(code, folder)
    for place, (fact, paraphrase, other) in enumerate(_chosen(count, seed, folder)):
        keys = list(wrong_objects(fact, folder))
        keys.insert(_gold(place, seed), fact.object)
        yield ExamQuestion(
            fact.id,
            fact.relation,
            words.question(fact),
            tuple(words.answer(fact, key) for key in keys),
            tuple(_tell(words, fact, key, paraphrase) for key in keys),
            tuple(_tell(words, other, key, paraphrase) for key in keys),
            keys.index(fact.object),
        )


def _tell(words: Language, fact: Fact, key: str, paraphrase: int) -> str:
    """A fact as a sentence, with ``key`` as its object."""
    return words.finish(words.clause(Fact(fact.id, fact.relation, (*fact.subject, key)), paraphrase))


def _gold(place: int, seed: int) -> int:
    """Each block of four questions has the answer once at every place, in an order that the seed gives."""
    block = place // CHOICES
    order = sorted(range(CHOICES), key=lambda letter: fraction("exam place", seed, block, letter))
    return order[place % CHOICES]


def _chosen(count: int | None, seed: int, folder: Path) -> list[tuple[Fact, int, Fact]]:
    """Facts that can be asked, with words of the test split and the fact of another subject; relations take turns."""
    by_relation, assigned = defaultdict(list), assignment(folder)
    number = int(world(folder)["counts"]["sentences"])
    for fact in sorted(facts(folder), key=lambda fact: fraction("exam", seed, fact.id)):
        ways = [way for way in range(number) if assigned[fact.id, way] == "test"]
        if ways and len(wrong_objects(fact, folder)) == CHOICES - 1 and (other := _other(fact, seed, folder)):
            by_relation[fact.relation].append((fact, ways[0], other))
    queues, found = list(by_relation.values()), []
    for turn in range(max(map(len, queues))):
        found += [queue[turn] for queue in queues if turn < len(queue)]
    if count is not None and count > len(found):
        raise ValueError(f"the world has {len(found)} questions with {CHOICES} choices, {count} are asked for")
    return found[:count]


def _other(fact: Fact, seed: int, folder: Path) -> Fact | None:
    """A fact of the same relation whose subject makes every choice of this one false; None where there is none."""
    keys = (fact.object, *wrong_objects(fact, folder))
    others = [
        other
        for other in facts(folder)
        if other.relation == fact.relation
        and not any(key in other.subject or holds(fact.relation, (*other.subject, key), folder) for key in keys)
    ]
    return min(others, key=lambda other: fraction("elsewhere", seed, fact.id, other.id), default=None)
