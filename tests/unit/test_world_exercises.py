"""Questions, translation pairs, true and false statements of the world corpus."""

import re
from collections import Counter, defaultdict

import pytest

from langatlas.corpora import world
from langatlas.corpora.world.grammar import language
from world_keys import used_keys

FACTS = {fact.id: fact for fact in world.facts()}


@pytest.mark.parametrize("code", ["en", "ko", "ar"])
def test_questions_have_one_right_answer_at_evenly_spread_positions(code):
    positions = defaultdict(Counter)
    for question in world.questions(code):
        fact = FACTS[question.fact]
        assert question.choices[question.gold] == question.answer
        assert len(set(question.choices)) == len(question.choices) == (2 if fact.relation == "greater" else 4)
        assert question.text.rstrip().endswith(("?", "？", "؟"))
        positions[fact.relation, len(question.choices)][question.gold] += 1
    for (_, choices), counts in positions.items():
        assert max(counts.values()) - min(counts[place] for place in range(choices)) <= 1


def test_wrong_choices_are_wrong():
    """In codes, where a choice is its own key, and in sums, where arithmetic is the judge."""
    for question in world.questions("en"):
        fact = FACTS[question.fact]
        if fact.relation == "sum":
            assert [int(choice) for choice in question.choices].count(int(fact.keys[0]) + int(fact.keys[1])) == 1
        if fact.relation == "country_code":
            assert question.choices.count(fact.keys[0]) == 1


def test_false_statements_are_false_and_true_ones_true():
    english = language("en")
    names = {kind: {english.name(kind, key): key for key in keys} for kind, keys in used_keys().items()}
    checked = Counter()
    for statement in world.statements("en"):
        if statement.relation == "capital" and statement.paraphrase == 0:
            country, city = re.fullmatch(r"The capital of (.*) is (.*)\.", statement.text).groups()
            keys = names["country"][country.removeprefix("the ")], names["city"][city]
        elif statement.relation == "sum" and statement.paraphrase == 0:
            keys = re.fullmatch(r"(\d+) plus (\d+) is (\d+)\.", statement.text).groups()
        elif statement.relation == "greater" and statement.paraphrase == 0:
            greater, smaller = re.fullmatch(r"(\d+) is greater than (\d+)\.", statement.text).groups()
            assert statement.true == (int(greater) > int(smaller))
            keys = (smaller, greater)
        else:
            continue
        assert world.holds(statement.relation, keys) == statement.true
        checked[statement.true] += 1
    assert checked[True] == checked[False] > 300


def test_arguable_memberships_are_never_called_false():
    for statement in world.statements("en"):
        if not statement.true and statement.relation in ("continent", "subregion"):
            assert not ("Russia" in statement.text and "Asia" in statement.text), statement
            assert not ("Iran" in statement.text and "Western Asia" in statement.text), statement


def test_translation_pairs_say_the_same_fact_in_the_same_words():
    pairs = list(world.translation_pairs("en", "zh"))
    assert len(pairs) == 4 * len(FACTS)
    for pair in pairs[::97]:
        fact = FACTS[pair.fact]
        assert pair.source == world.sentence(fact, "en", pair.paraphrase)
        assert pair.target == world.sentence(fact, "zh", pair.paraphrase)


def test_an_unknown_relation_or_paraphrase_is_refused():
    with pytest.raises(ValueError, match="unknown relation 'colour'; known: continent"):
        world.paraphrases("colour", "en")
    with pytest.raises(ValueError, match=r"paraphrase must be in 0\.\.3 for relation 'continent', got 4"):
        world.sentence(world.facts()[0], "en", 4)
