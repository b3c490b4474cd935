"""What is translated: prompts by their literal text, sentences of the world and of one's own files."""

import json
import os
from pathlib import Path

import pytest

from langatlas.corpora.translation_prompts import Condition, prompt, usable
from langatlas.corpora.translations import Item, choose, file_items, world_items
from langatlas.corpora.world import assignment, facts

NAMES = {"zh": "Chinese", "en": "English", "es": "Spanish", "ru": "Russian"}
ITEM = Item("1", {"zh": "甲", "en": "A.", "es": "Á.", "ru": "А."}, {"zh": ["乙", "丙"]})
SHOWN = Item("2", {"zh": "丁", "en": "B.", "es": "Bé.", "ru": "Б."}, {"zh": ["戊", "己"]})
SETTINGS = {"source": "zh", "target": "en", "further": ["es", "ru"], "names": NAMES}
CORPORA = Path(os.environ.get("LANGATLAS_TEXT", "/nowhere"))
PAIRS = Path(os.environ.get("LANGATLAS_TRANSLATION", "/nowhere"))


PROMPTS = [[1, 5, 9], [1, 7], [1, 3, 3, 8, 2, 4], [1, 9, 9, 9], [1, 2], [1, 20, 11, 6, 5, 4, 3]]
END = 0


def said(name: str) -> str:
    return prompt(Condition.parse(name), ITEM, [SHOWN], **SETTINGS)


def test_prompts_are_those_of_the_published_template():
    assert said("direct") == "Translate into English.\nChinese: 甲\nEnglish:"
    assert said("pivot-es") == "Translate into English.\nSpanish: Á.\nEnglish:"
    assert said("parallel-2") == "Translate into English.\nChinese: 甲\nSpanish: Á.\nRussian: А.\nEnglish:"
    assert said("repeated-2") == "Translate into English.\nChinese: 甲\nChinese: 甲\nChinese: 甲\nEnglish:"
    assert said("paraphrases-2") == "Translate into English.\nChinese: 甲\nChinese: 乙\nChinese: 丙\nEnglish:"
    shown = "Translate into English.\nChinese: 丁\nSpanish: Bé.\nEnglish: B.\n\n"
    assert said("parallel-1-1shot") == shown + said("parallel-1")


@pytest.mark.parametrize("name", ["parallel", "parallel-0", "pivot", "direct-0shot", "directly", "repeated-1-2"])
def test_another_name_is_no_condition(name):
    with pytest.raises(ValueError, match="is no condition"):
        Condition.parse(name)


def test_conditions_say_what_they_lack():
    with pytest.raises(ValueError, match="needs 3 further languages, only 2"):
        said("parallel-3")
    with pytest.raises(ValueError, match="needs 3 paraphrases, item 1 has 2"):
        said("paraphrases-3")
    with pytest.raises(ValueError, match="needs 2 examples, there are 1"):
        said("direct-2shot")
    bare = Item("3", {"zh": "甲", "en": "A."})
    assert usable([ITEM, bare], [Condition.parse("direct"), Condition.parse("paraphrases-2")], "zh") == [ITEM]


def test_the_world_is_translated_in_words_that_its_training_does_not_have():
    items = world_items("ru", ["ru", "en", "uk"])
    split = assignment()
    known = {fact.id for fact in facts()}
    assert len(items) == sum(where == "test" for where in split.values())
    for item in items[::50]:
        fact, place = item.id.rsplit("/", 1)
        assert split[fact, int(place)] == "test"
        assert fact in known
        assert len(item.paraphrases["ru"]) == 3
        assert item.sentences["ru"] not in item.paraphrases["ru"]
        assert item.group == fact.split(":")[0]
    chosen, examples = choose(items, 18, 2, 1)
    assert len({item.group for item in chosen}) == len({item.group for item in items}), "every relation has its turn"
    assert not {item.id for item in chosen} & {item.id for item in examples}
    assert choose(items, 18, 2, 1) == (chosen, examples) != choose(items, 18, 2, 2)
    with pytest.raises(ValueError, match="too few"):
        choose(items[:3], 1, 3, 1)


def write_lines(path: Path, *records: dict) -> str:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def test_own_sentences_in_their_three_layouts(tmp_path):
    write_lines(
        tmp_path / "en.jsonl", {"id": 1, "text": "One"}, {"id": 2, "text": "Two\nlines"}, {"id": 3, "text": "3"}
    )
    write_lines(tmp_path / "ru.jsonl", {"id": 2, "text": "Два"}, {"id": 1, "text": "Один"})
    found = file_items(str(tmp_path / "{language}.jsonl"), ["en", "ru"])
    assert [(item.id, dict(item.sentences)) for item in found] == [
        ("1", {"en": "One", "ru": "Один"}),
        ("2", {"en": "Two lines", "ru": "Два"}),
    ]
    sentences = {"en": "One", "ru": "Один"}
    one = write_lines(
        tmp_path / "a.jsonl", {"sentences": sentences, "paraphrases": {"en": ["A one"]}}, {"sentences": {"en": "x"}}
    )
    (item,) = file_items(one, ["en", "ru"])
    assert (item.sentences, item.paraphrases) == (sentences, {"en": ["A one"]})
    pairs = write_lines(tmp_path / "p.jsonl", {"src_lang": "en", "tgt_lang": "ru", "source": "One", "target": "Один"})
    assert file_items(pairs, ["ru", "en"])[0].sentences == sentences
    with pytest.raises(ValueError, match=r"no item of .* has a sentence in all of en, uk"):
        file_items(pairs, ["en", "uk"])
    with pytest.raises(ValueError, match=r"b\.jsonl:1: needs sentences, or src_lang"):
        file_items(write_lines(tmp_path / "b.jsonl", {"source": "One"}), ["en"])
    with pytest.raises(ValueError, match=r"no file .*uk\.jsonl"):
        file_items(str(tmp_path / "{language}.jsonl"), ["en", "uk"])


@pytest.mark.skipif(
    not PAIRS.is_dir(), reason="LANGATLAS_TRANSLATION names no folder of translation pairs (JSON lines)"
)
def test_released_translation_pairs_can_be_read():
    for path in sorted(PAIRS.glob("*.en-*.jsonl")):
        code = path.stem.rpartition("-")[2]
        items = file_items(str(path), ["en", code])
        assert len(items) == sum(1 for line in path.open(encoding="utf-8") if line.strip())
        assert all(len(item.sentences["en"]) > 1 for item in items)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="LANGATLAS_TEXT names no folder of text")
def test_released_parallel_text_can_be_read():
    items = file_items(str(CORPORA / "{language}" / "test_parallel.jsonl"), ["zh", "en", "es", "ru"])
    assert len(items) > 100


PROMPTS = [[1, 5, 9], [1, 7], [1, 3, 3, 8, 2, 4], [1, 9, 9, 9], [1, 2], [1, 20, 11, 6, 5, 4, 3]]
END = 0
