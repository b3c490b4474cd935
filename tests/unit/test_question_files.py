"""Which questions are asked: the world's, those of one's own files, and how they are written as tasks."""

import json
from collections import Counter

import pytest

from langatlas.corpora import world
from langatlas.corpora.question_files import read_items
from langatlas.corpora.questions import world_items
from langatlas.corpora.world.exam import exam
from langatlas.files import own_file


def test_the_world_asks_the_same_in_every_language_with_the_answer_equally_often_everywhere():
    asked = {code: list(exam(code, 40, 1)) for code in ("ar", "en", "ko", "zh")}
    first = [(q.fact, q.gold) for q in asked["en"]]
    assert all([(q.fact, q.gold) for q in many] == first for many in asked.values())
    assert Counter(gold for _, gold in first) == dict.fromkeys(range(4), 10)
    assert len({fact for fact, _ in first}) == 40
    assert len({q.relation for q in asked["en"]}) == 17
    assert [(q.fact, q.gold) for q in exam("en", 40, 2)] != first


@pytest.mark.parametrize("code", ["en", "ru"])
def test_right_sentences_are_told_by_the_test_split_alone_and_wrong_ones_and_priors_by_nobody(code):
    said = {}
    for fact in world.facts():
        for way in range(world.paraphrases(fact.relation, code)):
            said.setdefault(world.sentence(fact, code, way), set()).add(world.assignment()[fact.id, way])
    for question in exam(code, 120, 1):
        assert len(set(question.sentences)) == len(set(question.choices)) == 4
        assert said[question.sentences[question.gold]] == {"test"}
        wrong = [sentence for place, sentence in enumerate(question.sentences) if place != question.gold]
        assert not [sentence for sentence in [*wrong, *question.elsewhere] if sentence in said]
        assert len(set(question.elsewhere)) == 4


def test_more_questions_than_the_world_has_are_refused():
    with pytest.raises(ValueError, match=r"the world has \d+ questions with 4 choices, 9999 are asked for"):
        world_items("en", 9999, 1)


def test_files_are_read_as_lists_and_as_lines_with_places_and_letters(tmp_path):
    records = [{"id": f"q{i}", "question": f" {i}? ", "choices": ["x", "y", "z"], "answer": i % 3} for i in range(9)]
    (tmp_path / "a.json").write_text(json.dumps(records), encoding="utf-8")
    lettered = [record | {"answer": "ABC"[record["answer"]]} for record in records]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lettered)) + "\n\n", encoding="utf-8")
    items = read_items(tmp_path / "a.json", None, 1)
    assert items == read_items(tmp_path / "a.jsonl", None, 1)
    assert [(item.id, item.text, item.gold) for item in items[:2]] == [("q0", "0?", 0), ("q1", "1?", 1)]
    drawn = read_items(tmp_path / "a.json", 4, 1)
    assert [item for item in items if item in drawn] == drawn
    assert len(drawn) == 4
    assert drawn != read_items(tmp_path / "a.json", 4, 3)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": "?", "choices": ["x", "y"]}, "bad.jsonl:1: no answer; it has question, choices"),
        ({"question": "?", "choices": ["x"], "answer": 0}, "bad.jsonl:1: choices must be a list of 2 to 26 texts"),
        (
            {"question": "?", "choices": ["x", "y"], "answer": 2},
            "answer must be a place from 0 to 1 or a letter of AB, got 2",
        ),
        ({"question": "?", "choices": ["x", "y"], "answer": "C"}, "a letter of AB, got 'C'"),
        ({"question": "?", "choices": ["x", "y"], "answer": True}, "got True"),
        ({"question": None, "choices": ["x", "y"], "answer": 1}, "bad.jsonl:1: question must be a text, got None"),
        ({"question": "?", "choices": ["x", [1]], "answer": 1}, "choices must be a list of 2 to 26 texts"),
    ],
)
def test_a_bad_record_is_named(tmp_path, record, message):
    (tmp_path / "bad.jsonl").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_items(tmp_path / "bad.jsonl", None, 1)


def test_what_is_no_json_and_what_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.jsonl").write_text("question,answer\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.jsonl:1: the line is not JSON"):
        read_items(tmp_path / "x.jsonl", None, 1)
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)
    with pytest.raises(ValueError, match=r"questions\.files: the environment variable NO_SUCH_FOLDER of .* is not set"):
        own_file("$NO_SUCH_FOLDER/{language}.jsonl", "en", "measure.questions.files")
    with pytest.raises(ValueError, match=r"no file .*en\.jsonl for language 'en'"):
        own_file(f"{tmp_path}/{{language}}.jsonl", "en", "measure.questions.files")
