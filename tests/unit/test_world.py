"""The world corpus: same facts everywhere, right grammar, nothing leaking between splits, one file a language."""

import itertools
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest
import yaml
from babel import Locale

from langatlas.corpora import world
from langatlas.corpora.world.grammar import language
from langatlas.corpora.world.knowledge import languages_of
from langatlas.corpora.world.passages import SPLITS, plan
from world_keys import DEFAULT_LANGUAGES

ROOT = Path(__file__).parents[2]
(PART,) = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["corpora"]["world"]["parts"]
DOCUMENTS, SEED = PART["documents"], PART.get("seed", 1)
SMALL = {"pretrain": 30, "locate": 10, "test": 10}
SCRIPTS = {"ar": "ARABIC", "fa": "ARABIC", "ru": "CYRILLIC", "uk": "CYRILLIC", "zh": "CJK", "ko": "HANGUL"}
FACTS = {fact.id: fact for fact in world.facts()}


@pytest.fixture(scope="module")
def corpus():
    """All documents of the default size in every language, and their plan."""
    return {code: list(world.documents(code, documents=DOCUMENTS, seed=SEED)) for code in DEFAULT_LANGUAGES}


@pytest.fixture(scope="module")
def passages():
    return plan(tuple(DOCUMENTS.items()), SEED)


def test_the_twelve_languages_are_read_from_the_folder():
    assert world.languages() == DEFAULT_LANGUAGES


def test_the_world_is_as_large_as_promised():
    relations = Counter(fact.relation for fact in world.facts())
    assert len(relations) >= 12
    assert relations["continent"] >= 100
    assert len(FACTS) == len(world.facts()) >= 1400


@pytest.mark.parametrize(
    ("relation", "keys"),
    [
        ("capital", ("FR", "Europe/Paris")),
        ("currency", ("JP", "JPY")),
        ("language", ("BR", "pt")),
        ("continent", ("EG", "002")),
        ("week_start", ("US", "6")),
        ("script", ("ru", "Cyrl")),
        ("country_code", ("NO", "NO")),
        ("weekday_after", ("6", "0")),
        ("month_after", ("12", "1")),
        ("month_days", ("4", "30")),
    ],
)
def test_well_known_facts_are_in_the_world(relation, keys):
    assert world.holds(relation, keys)
    assert any(fact.relation == relation and fact.keys == keys for fact in world.facts())


def test_weekdays_of_dates_follow_zellers_congruence():
    for fact in world.facts():
        if fact.relation == "date_weekday":
            day = date.fromisoformat(fact.keys[0])
            month, year = (day.month + 12, day.year - 1) if day.month < 3 else (day.month, day.year)
            zeller = (
                day.day + 13 * (month + 1) // 5 + year % 100 + year % 100 // 4 + year // 400 + 5 * (year // 100)
            ) % 7
            assert int(fact.object) == (zeller + 5) % 7, fact  # Zeller counts from Saturday, we from Monday


def test_a_country_with_several_official_languages_has_no_language_fact():
    assert len(languages_of("CH")) > 1
    assert not [fact for fact in world.facts() if fact.relation == "language" and fact.keys[0] in ("CH", "BE", "ZA")]


def test_documents_are_the_same_in_another_process_with_another_hash_seed():
    script = (
        "from langatlas.corpora import world; import hashlib; print(hashlib.sha256(repr([r for c in ('ru', 'ko') for r in "
        f"world.documents(c, documents={SMALL!r}, seed=7)]).encode()).hexdigest())"
    )
    digests = set()
    for seed in ("1", "2"):
        path = str(Path(world.__file__).parents[3])
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": path}
        digests.add(
            subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
        )
    assert len(digests) == 1


def test_a_language_s_words_do_not_depend_on_which_others_its_process_has_written():
    """Each alone in a process of its own, and then all in one, in the alphabet's order and in the opposite one."""
    script = (
        "import os, sys; from world_keys import DEFAULT_LANGUAGES, names_of, used_keys; keys = used_keys()\n"
        "for group in ([c] for c in DEFAULT_LANGUAGES), [DEFAULT_LANGUAGES, DEFAULT_LANGUAGES[::-1]]:\n"
        "    for codes in group:\n"
        "        if not os.fork():\n"
        "            print(''.join(f'{code} {names_of(code, keys)}\\n' for code in codes), end='', flush=True); os._exit(0)\n"
        "        assert os.wait()[1] == 0\n"
    )
    path = os.pathsep.join([str(Path(world.__file__).parents[3]), str(Path(__file__).parent)])
    env = {"PYTHONPATH": path, "PYTHONHASHSEED": "1"}
    out = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    found = defaultdict(list)
    for line in out.splitlines():
        code, _, names = line.partition(" ")
        found[code].append(names)
    assert {code: len(names) for code, names in found.items()} == dict.fromkeys(DEFAULT_LANGUAGES, 3)
    assert {code for code, names in found.items() if len(set(names)) > 1} == set()


def test_months_are_those_of_cldr_in_every_order_of_languages(corpus):
    """By hand: CLDR's Chinese months are 一月 to 十二月; 6月 is Japanese."""
    assert any("六月" in record.text for record in corpus["zh"])
    assert language("zh").name("month", "6") == "六月"
    assert language("ja").name("month", "6") == "6月"


def test_the_readme_counts_the_world_as_it_is(corpus, passages):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    relations = Counter(fact.relation for fact in world.facts())
    assert f"{len(world.facts()):,} facts in {len(relations)} relations: {relations['continent']} countries" in readme
    made = [list(make) for make in (world.questions("en"), world.translation_pairs("en", "ru"), world.statements("en"))]
    questions, pairs, statements = map(len, made)
    said = f"come as {questions:,} questions with choices, {pairs:,} sentence pairs for any two languages, and {statements:,}"
    assert f"{said} true and" in " ".join(readme.split())
    sizes = {
        code: {split: sum(len(r.text) for r in records if r.split == split) for split in DOCUMENTS}
        for code, records in corpus.items()
    }
    clauses = {
        split: sum(len(p.steps) + (p.opening is not None) for p in passages if p.split == split) for split in DOCUMENTS
    }
    by_size = sorted(sizes, key=lambda code: sizes[code]["pretrain"])
    rows = {"documents": DOCUMENTS, "clauses and openings": clauses, "characters, English": sizes["en"]}
    for word, code in (("least", by_size[0]), ("most", by_size[-1])):
        rows[f"characters, {word} ({Locale('en').languages[code]})"] = sizes[code]
    for name, numbers in rows.items():
        assert f"| {name} | {' | '.join(f'{numbers[split]:,}' for split in DOCUMENTS)} |" in readme


def test_the_seed_matters():
    first, second = ([r.text for r in world.documents("en", documents=SMALL, seed=seed)] for seed in (1, 2))
    assert first != second


def test_every_language_has_the_same_parallel_documents(corpus):
    expected = [(record.parallel_id, record.split) for record in corpus["en"]]
    assert Counter(split for _, split in expected) == DOCUMENTS
    for code, records in corpus.items():
        assert [(record.parallel_id, record.split) for record in records] == expected, code
        assert len({record.id for record in records}) == len(records)


def test_no_two_documents_of_the_corpus_are_identical(corpus):
    texts = [record.text for records in corpus.values() for record in records]
    assert len(set(texts)) == len(texts)


def test_splits_share_no_fact_in_the_same_words(passages):
    pairs = defaultdict(set)
    for passage in passages:
        pairs[passage.split].update((step.fact.id, step.paraphrase) for step in passage.steps)
    for one, two in itertools.combinations(SPLITS, 2):
        assert not pairs[one] & pairs[two]


def test_every_fact_of_locate_and_test_is_told_in_pretrain_in_other_words(passages):
    told = defaultdict(set)
    for passage in passages:
        told[passage.split].update(step.fact.id for step in passage.steps)
    assert told["locate"] | told["test"] <= told["pretrain"] == set(FACTS)


def test_pairs_are_shared_out_70_15_15():
    shares = Counter(world.assignment().values())
    for split, share in SPLITS.items():
        assert shares[split] / shares.total() == pytest.approx(share, abs=0.03)


def test_documents_are_passages_of_three_to_seven_sentences(corpus, passages):
    assert all(3 <= len(passage.steps) + (passage.opening is not None) <= 7 for passage in passages)
    mean = sum(len(record.text) for record in corpus["en"]) / len(corpus["en"])
    assert 250 <= mean <= 450


def test_text_is_clean(corpus):
    for code, records in corpus.items():
        stop = language(code).data["full_stop"]
        for record in records:
            assert unicodedata.is_normalized("NFC", record.text)
            assert not re.search(
                r"[{}]|\(이\)|\(으\)|\(는\)|\(가\)|\(를\)|\(와\)|  | [.,;]|\.\.|None|False", record.text
            ), record
            assert record.text.endswith(stop)


@pytest.mark.parametrize("code", SCRIPTS)
def test_non_latin_text_is_in_its_script(corpus, code):
    letters = [sign for record in corpus[code] for sign in record.text if sign.isalpha()]
    own = sum(unicodedata.name(sign, "").startswith(SCRIPTS[code]) for sign in letters)
    assert own / len(letters) > 0.97  # the rest are codes such as EUR and FR


def test_japanese_mixes_kana_and_han(corpus):
    letters = [sign for record in corpus["ja"] for sign in record.text if sign.isalpha()]
    kinds = Counter(unicodedata.name(sign).split()[0] for sign in letters)
    assert kinds["HIRAGANA"] > 0.2 * len(letters)
    assert kinds["CJK"] > 0.1 * len(letters)
    assert kinds["LATIN"] < 0.03 * len(letters)


def test_impossible_requests_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="'train': 3 is not possible; splits are pretrain, locate, test"):
        list(world.documents("en", documents={"train": 3}, seed=1))
    monkeypatch.setattr("langatlas.corpora.world.passages.ATTEMPTS", 0)
    with pytest.raises(ValueError, match="no new test document could be made after 0: ask for fewer"):
        list(world.documents("en", documents={"test": 1}, seed=99))
    with pytest.raises(ValueError, match=r"xx\.yaml: no such file"):
        list(world.documents("xx", documents={"test": 1}, seed=1))
