"""The same facts as questions with choices, as parallel sentences, and as true and false statements."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from langatlas.corpora.world.grammar import Language, language
from langatlas.corpora.world.knowledge import FOLDER, Fact, facts, fraction, holds, world

CHOICES = 4
NEARBY = 6  # wrong numbers lie at most this far from the right one


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, the choices (all of one kind) and the place of the answer among them."""

    text: str
    answer: str
    choices: tuple[str, ...]
    gold: int
    fact: str
    relation: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The same fact in the same paraphrase in two languages."""

    source: str
    target: str
    fact: str
    relation: str
    paraphrase: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that is true, or false because its object was swapped for another of the same kind."""

    text: str
    true: bool
    fact: str
    relation: str
    paraphrase: int


@cache
def wrong_objects(fact: Fact, folder: Path = FOLDER) -> tuple[str, ...]:
    """Up to three objects of the same kind that make the fact false, the same in every language."""
    if fact.relation == "greater":
        return (fact.keys[0],)
    kind = list(world(folder)["relations"][fact.relation].values())[-1]
    if kind == "number":
        centre = int(fact.object)
        pool = {str(n) for n in range(max(0, centre - NEARBY), centre + NEARBY + 1)}
    else:
        pool = {other.object for other in facts(folder) if other.relation == fact.relation}
    if kind == "weekday":
        pool = set(map(str, range(7)))
    wrong = [key for key in pool if not holds(fact.relation, (*fact.subject, key), folder) and key not in fact.subject]
    return tuple(sorted(wrong, key=lambda key: fraction("wrong", fact.id, key))[: CHOICES - 1])


def questions(code: str, folder: Path = FOLDER) -> Iterator[Question]:
    """One question a fact; the answer takes every place equally often within a relation."""
    words, asked = language(code, folder), Counter()
    for fact in sorted(facts(folder), key=lambda fact: (fact.relation, fraction("question", fact.id))):
        keys = list(wrong_objects(fact, folder))
        gold = asked[fact.relation] % (len(keys) + 1)
        asked[fact.relation] += 1
        keys.insert(gold, fact.object)
        choices = tuple(words.answer(fact, key) for key in keys)
        yield Question(words.question(fact), choices[gold], choices, gold, fact.id, fact.relation)


def translation_pairs(source: str, target: str, folder: Path = FOLDER) -> Iterator[Pair]:
    """Every fact in every paraphrase, in two languages."""
    one, two = language(source, folder), language(target, folder)
    for fact, paraphrase in _pairs(folder):
        yield Pair(_say(one, fact, paraphrase), _say(two, fact, paraphrase), fact.id, fact.relation, paraphrase)


def statements(code: str, folder: Path = FOLDER) -> Iterator[Statement]:
    """Every (fact, paraphrase) twice: true, and with a wrong object."""
    words = language(code, folder)
    for fact, paraphrase in _pairs(folder):
        yield Statement(_say(words, fact, paraphrase), True, fact.id, fact.relation, paraphrase)
        wrong = wrong_objects(fact, folder)[paraphrase % len(wrong_objects(fact, folder))]
        false = Fact(fact.id, fact.relation, _falsify(fact, wrong))
        yield Statement(_say(words, false, paraphrase), False, fact.id, fact.relation, paraphrase)


def _falsify(fact: Fact, wrong: str) -> tuple[str, ...]:
    """Keys with a wrong object; a comparison is turned round, for a number is not greater than itself."""
    return (fact.object, wrong) if fact.relation == "greater" else (*fact.subject, wrong)


def _pairs(folder: Path) -> Iterator[tuple[Fact, int]]:
    number = int(world(folder)["counts"]["sentences"])
    return ((fact, paraphrase) for fact in facts(folder) for paraphrase in range(number))


def _say(words: Language, fact: Fact, paraphrase: int) -> str:
    return words.finish(words.clause(fact, paraphrase))
