"""The parts of a corpus in the config: what is refused, and how it is said."""

import re

import pytest

from langatlas.corpora.parts import check_parts

JSONL = {"source": "jsonl", "files": "b.jsonl"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "csv"}, "parts[1].source must be one of huggingface, jsonl, parquet, world, got 'csv'"),
        ({"files": "b.jsonl"}, "parts[1].source must be one of huggingface, jsonl, parquet, world, got None"),
        ("b.jsonl", "parts[1] must be a mapping with the key source, got 'b.jsonl'"),
        ({"source": "jsonl"}, "parts[1] (source: jsonl) needs the key 'files'"),
        ({"source": "huggingface"}, "parts[1] (source: huggingface) needs the key 'path'"),
        ({"source": "world"}, "parts[1] (source: world) needs the key 'documents'"),
        ({**JSONL, "flies": 1}, "parts[1] (source: jsonl): unknown key 'flies'; allowed are files, id, keep, max_docu"),
        ({**JSONL, "path": "a/b"}, "parts[1] (source: jsonl): unknown key 'path'; allowed are"),
        ({**JSONL, "files": ["a"]}, "parts[1].files must be a string, got ['a']"),
        ({**JSONL, "text": 3}, "parts[1].text must be a string, got 3"),
        ({**JSONL, "seed": "one"}, "parts[1].seed must be a whole number, got 'one'"),
        ({**JSONL, "max_documents": 0}, "parts[1].max_documents must be a whole number of at least 1, got 0"),
        ({**JSONL, "on_bad_record": "ignore"}, "parts[1].on_bad_record must be error or skip, got 'ignore'"),
        (
            {**JSONL, "splits": {"train": 1}},
            "parts[1].splits names the split 'train'; allowed are locate, pretrain, test",
        ),
        ({**JSONL, "splits": {"test": 0.5}}, "parts[1].splits must sum to 1, but {'test': 0.5} sums to 0.5"),
        ({**JSONL, "splits": {"test": 1.5}}, "parts[1].splits.test must be a fraction in [0, 1], got 1.5"),
        ({**JSONL, "splits": {"test": 2, "locate": -1}}, "parts[1].splits.test must be a fraction in [0, 1], got 2"),
        ({**JSONL, "splits": {"test": "1"}}, "parts[1].splits.test must be a fraction in [0, 1], got '1'"),
        ({**JSONL, "splits": {"test": float("nan")}}, "parts[1].splits.test must be a fraction in [0, 1], got nan"),
        ({**JSONL, "splits": {}}, "parts[1].splits must map splits to fractions"),
        ({**JSONL, "keep": {"least": 3}}, "parts[1].keep: unknown key 'least'; allowed are column, equals, max_cha"),
        ({**JSONL, "keep": 5}, "parts[1].keep must be a mapping with keys of column, equals"),
        ({**JSONL, "keep": {"column": "a"}}, "parts[1].keep needs both column and equals, or neither"),
        (
            {**JSONL, "keep": {"min_characters": -1}},
            "parts[1].keep.min_characters must be a whole number of at least 0",
        ),
        (
            {**JSONL, "keep": {"min_characters": 9, "max_characters": 8}},
            "parts[1].keep.max_characters (8) is below min_characters (9): no text could be kept",
        ),
        ({"source": "world", "documents": 5}, "parts[1].documents must map splits to numbers of documents, got 5"),
        ({"source": "world", "documents": {"train": 5}}, "parts[1].documents: unknown key 'train'; allowed are locate"),
        (
            {"source": "world", "documents": {"test": 1.5}},
            "parts[1].documents.test must be a whole number of at least 0",
        ),
    ],
)
def test_a_wrong_part_names_its_place_the_value_and_what_is_allowed(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_parts([JSONL, wrong])


def test_a_corpus_without_parts_is_refused():
    with pytest.raises(ValueError, match=re.escape("parts must list at least one source of text, got []")):
        check_parts([])


def test_null_stands_for_a_default_and_for_keys_of_other_sources():
    keys = ("text", "id", "parallel_id", "keep", "max_documents", "splits", "seed", "path", "documents", "revision")
    assert check_parts([{**JSONL, **dict.fromkeys(keys)}]) == check_parts([JSONL])
    with pytest.raises(ValueError, match="unknown key 'flies'"):
        check_parts([{**JSONL, "flies": None}])
