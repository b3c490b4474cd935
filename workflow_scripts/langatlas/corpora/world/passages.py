"""Which facts, in which words, stand in which document: planned once, without a language, then rendered in each.

Every (fact, paraphrase) pair belongs to one split, by hash. A document of a split uses pairs of that split only, so test
text says known facts in words that training never used for them.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from langatlas.corpora.records import Record
from langatlas.corpora.world.grammar import PAIR_ROLES, Language, language
from langatlas.corpora.world.knowledge import FOLDER, OFFICIAL, Fact, facts, fraction, languages_of, world

SPLITS = {"pretrain": 0.70, "locate": 0.15, "test": 0.15}
TOPICS = {"country": 0.50, "pair": 0.20, "calendar": 0.15, "numbers": 0.15}
LEADS = {"script": "language", "currency_code": "currency"}  # what a passage says before these
ATTEMPTS = 200  # tries for one document before the world counts as used up


@dataclass(frozen=True, slots=True)
class Step:
    """One clause of a passage. ``link``: "" (a sentence of its own) or "kind number" of the words that link it back."""

    fact: Fact
    paraphrase: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A document without words. ``opening``: number of the opening sentence or None; ``about``: its countries."""

    id: str
    split: str
    topic: str
    opening: int | None
    about: tuple[str, ...]
    steps: tuple[Step, ...]


@cache
def assignment(folder: Path = FOLDER) -> dict[tuple[str, int], str]:
    """(fact id, paraphrase) -> split. Every fact has at least one paraphrase in pretrain."""
    number = int(world(folder)["counts"]["sentences"])
    assigned = {}
    for fact in facts(folder):
        places = {paraphrase: fraction("split", fact.id, paraphrase) for paraphrase in range(number)}
        for paraphrase, place in places.items():
            assigned[fact.id, paraphrase] = _split(place)
        if "pretrain" not in {assigned[fact.id, paraphrase] for paraphrase in places}:
            assigned[fact.id, min(places, key=places.get)] = "pretrain"
    return assigned


def _split(place: float) -> str:
    for split, share in SPLITS.items():
        place -= share
        if place < 0:
            return split
    return split


class Planner:
    """Draws the passages of one split, least used pairs first, so that every pair is seen about equally often."""

    def __init__(self, split: str, seed: int, folder: Path):
        self.split, self.seed, self.folder = split, seed, folder
        self.random = random.Random(f"{seed}/{split}")
        self.used: Counter = Counter()
        self.seen: set = set()
        self.ways: dict[Fact, list[int]] = defaultdict(list)
        for fact in facts(folder):
            for paraphrase in range(int(world(folder)["counts"]["sentences"])):
                if assignment(folder)[fact.id, paraphrase] == split:
                    self.ways[fact].append(paraphrase)
        self.by_relation: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.ways:
            self.by_relation[fact.relation].append(fact)
        self.by_country = _facts_by_country(self.ways, facts(folder))
        self.pairs = {name: sum(len(self.ways[fact]) for fact in told) for name, told in self.by_country.items()}
        self.visits: Counter = Counter()  # passages about a country, in proportion to what can be told of it
        self.order = {fact: place for place, fact in enumerate(facts(folder))}  # the order of telling

    def passage(self, number: int) -> Passage:
        """One new passage; raises ValueError when no new one can be found."""
        for _ in range(ATTEMPTS):
            topic = self.random.choices(list(TOPICS), list(TOPICS.values()))[0]
            about, steps = getattr(self, f"_{topic}")()
            openings = int(world(self.folder)["counts"]["openings"][topic])
            opening = self.random.choice([None, *range(openings)])
            signature = (topic, opening, about, steps)
            if len(steps) < 3 or signature in self.seen:
                continue
            self.seen.add(signature)
            self.used.update((step.fact, step.paraphrase) for step in steps)
            return Passage(f"world-{self.seed}-{self.split}-{number:05d}", self.split, topic, opening, about, steps)
        raise ValueError(
            f"no new {self.split} document could be made after {number}: ask for fewer documents of this split, "
            f"or add facts to {self.folder / 'facts.yaml'}"
        )

    def _country(self) -> tuple[tuple[str, ...], tuple[Step, ...]]:
        turn = {name: (self.visits[name] / self.pairs[name], self.random.random()) for name in self.by_country}
        country = min(turn, key=turn.get)
        self.visits[country] += 1
        chosen = self._pick(self.by_country[country], self.random.randint(4, 5))
        return (country,), self._steps([*chosen, *self._introductions(country, chosen)])

    def _introductions(self, country: str, chosen: list[Fact]) -> list[Fact]:
        """The country's language or else currency, where its script or code is told and this split has words for it."""
        own = {(fact.relation, fact.object): fact for fact in self.by_country[country]}
        leads = [own.get((LEADS.get(fact.relation), fact.keys[0])) for fact in chosen]
        return [lead for lead in leads if lead and lead not in chosen][:1]

    def _pair(self) -> tuple[tuple[str, ...], tuple[Step, ...]]:
        one, two = self.random.sample(sorted(self.by_country), 2)
        shared = defaultdict(list)
        for country in (one, two):
            for fact in self.by_country[country]:
                if fact.keys[0] == country:
                    shared[fact.relation].append(fact)
        both = [both for both in shared.values() if len(both) == 2]
        chosen = self.random.sample(both, min(len(both), self.random.choice([2, 3, 3])))
        steps = []
        for first, second in sorted(chosen, key=lambda pair: self.order[pair[0]]):
            join = "likenesses" if first.object == second.object else "contrasts"
            steps += [Step(first, self._way(first)), Step(second, self._way(second), f"{join} {self._variant(join)}")]
        return (one, two), tuple(steps)

    def _calendar(self) -> tuple[tuple[str, ...], tuple[Step, ...]]:
        return (), self._mixed("calendar")

    def _numbers(self) -> tuple[tuple[str, ...], tuple[Step, ...]]:
        return (), self._mixed("numbers")

    def _mixed(self, topic: str) -> tuple[Step, ...]:
        """Facts of two or three relations of a topic, told one relation after the other."""
        relations = [name for name in world(self.folder)["topics"][topic] if self.by_relation[name]]
        chosen = []
        weights = [len(self.by_relation[name]) ** 0.5 for name in relations]
        for relation, number in Counter(self.random.choices(relations, weights, k=self.random.randint(4, 6))).items():
            chosen += self._pick(self.by_relation[relation], number)
        return self._steps(chosen)

    def _pick(self, candidates: list[Fact], number: int) -> list[Fact]:
        """``number`` facts, the least used first, ties at random."""
        uses = {
            fact: sum(self.used[fact, way] for way in self.ways[fact]) / len(self.ways[fact]) for fact in candidates
        }
        ties = {fact: self.random.random() for fact in candidates}
        return sorted(candidates, key=lambda fact: (uses[fact], ties[fact]))[:number]

    def _way(self, fact: Fact) -> int:
        """The least used paraphrase of a fact in this split."""
        return min(self.ways[fact], key=lambda way: (self.used[fact, way], self.random.random()))

    def _steps(self, chosen: list[Fact]) -> tuple[Step, ...]:
        """Put facts in order and into words; about every third sentence after the first starts with a connective."""
        steps = []
        number = int(world(self.folder)["counts"]["connectives"])
        unsaid = self.random.sample(range(number), number)  # no connective twice in a passage
        for place, fact in enumerate(sorted(chosen, key=self.order.get)):
            linked = place > 0 and unsaid and not steps[-1].link and self.random.random() < 0.4
            steps.append(Step(fact, self._way(fact), f"connectives {unsaid.pop()}" if linked else ""))
        return tuple(steps)

    def _variant(self, kind: str) -> int:
        return self.random.randrange(int(world(self.folder)["counts"][kind]))


def _facts_by_country(usable: dict[Fact, list[int]], everything: tuple[Fact, ...]) -> dict[str, list[Fact]]:
    """Facts that a passage about a country may tell: its own, its cities', its languages' scripts, its currency's code."""
    own = ("continent", "subregion", "capital", "language", "currency", "country_code", "week_start")
    about = {(fact.relation, fact.keys[0]): fact for fact in usable}
    found = defaultdict(list)
    for fact in usable:
        if fact.relation in own:
            found[fact.keys[0]].append(fact)
        elif fact.relation == "city":
            found[fact.object].append(fact)
    for fact in everything:
        if fact.relation == "currency" and ("currency_code", fact.object) in about:
            found[fact.keys[0]].append(about["currency_code", fact.object])
        if fact.relation == "continent":
            spoken = languages_of(fact.keys[0], (*OFFICIAL, "official_regional"))
            found[fact.keys[0]] += [about["script", code] for code in spoken if ("script", code) in about]
    return {country: told for country, told in found.items() if told}


@cache
def plan(documents: tuple[tuple[str, int], ...], seed: int, folder: Path = FOLDER) -> tuple[Passage, ...]:
    """All passages: ``documents`` of each split. The same for every language."""
    for split, number in documents:
        if split not in SPLITS or number < 0:
            raise ValueError(
                f"documents: {split!r}: {number} is not possible; splits are {', '.join(SPLITS)}, numbers >= 0"
            )
    planners = ((Planner(split, seed, folder), number) for split, number in documents)
    return tuple(planner.passage(number) for planner, total in planners for number in range(total))


def render(passage: Passage, words: Language) -> str:
    """The text of a passage in one language."""
    sentences = []
    if passage.opening is not None:
        template = words.data["openings"][passage.topic][passage.opening]
        keys = dict(zip(PAIR_ROLES, passage.about, strict=False))
        sentences.append(words.fill(template, PAIR_ROLES, keys))
    for step in passage.steps:
        clause = words.clause(step.fact, step.paraphrase)
        kind, _, variant = step.link.partition(" ")
        if kind == "connectives":
            clause = words.data[kind][int(variant)] + clause
        elif kind:
            clause = words.data[kind][int(variant)].replace("{first}", sentences.pop()).replace("{second}", clause)
        sentences.append(clause)
    return words.data.get("space", " ").join(map(words.finish, sentences))


def documents(code: str, *, documents: dict[str, int], seed: int, folder: Path = FOLDER) -> Iterator[Record]:
    """Documents of one language; ``documents`` says how many of each split, the same ``seed`` gives the same text."""
    words = language(code, folder)
    for passage in plan(tuple(documents.items()), seed, folder):
        text = render(passage, words)
        yield Record(text=text, source="world", id=f"{passage.id}-{code}", parallel_id=passage.id, split=passage.split)
