"""Corpora from any source: splits, deduplication, filter, cap, and the files that come out."""

import json
import os
import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from corpus_builder import SPLITS, build, texts, write_jsonl
from langatlas.corpora import build as build_module
from langatlas.corpora.records import Record, digest, is_empty, normalise
from langatlas.corpora.splits import choose_split, split_of
from langatlas.present.table import read_table
from langatlas.present.tables import corpora

REPOSITORY = Path(__file__).parents[2]
REAL_TEXT = Path(os.environ.get("LANGATLAS_TEXT", REPOSITORY.parent / "shared" / "data" / "corpora"))
HALVES = {"pretrain": 0.5, "locate": 0.25, "test": 0.25}
ALL_TEST = {"test": 1.0}
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jsonl(files="text.jsonl", **keys):
    return {"source": "jsonl", "files": str(files), "splits": HALVES, **keys}


# -- splits ------------------------------------------------------------------------------------------------------------


@given(key=st.text(), seed=st.integers(), order=st.permutations(list(HALVES)))
@quick
def test_a_split_depends_on_key_and_seed_and_not_on_the_order_of_the_config(key, seed, order):
    reordered = {split: HALVES[split] for split in order}
    assert choose_split(key, HALVES, seed) == choose_split(key, reordered, seed) in SPLITS


@pytest.mark.parametrize("fractions", [HALVES, {"pretrain": 0.9, "locate": 0.1}, {"locate": 0.01, "test": 0.99}])
def test_splits_have_the_sizes_that_the_fractions_promise(fractions):
    n = 20_000
    counted = Counter(choose_split(f"document {number}", fractions, seed=7) for number in range(n))
    assert set(counted) <= set(fractions)
    for split, fraction in fractions.items():
        deviation = (n * fraction * (1 - fraction)) ** 0.5
        assert abs(counted[split] - n * fraction) < 5 * deviation


def test_another_seed_gives_other_splits_that_are_independent():
    keys = [f"document {number}" for number in range(4000)]
    first, second = ([choose_split(key, HALVES, seed) == "test" for key in keys] for seed in (1, 2))
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(both - 4000 / 16) < 5 * (4000 / 16) ** 0.5


@given(fractions=st.lists(st.floats(0.01, 1), min_size=3, max_size=3), key=st.text())
@quick
def test_a_split_without_a_fraction_gets_nothing_and_rounding_loses_nobody(fractions, key):
    total = sum(fractions)
    shares = dict(zip(SPLITS, (value / total for value in fractions), strict=True)) | {"locate": 0.0}
    shares["test"] = 1 - shares["pretrain"]
    assert choose_split(key, shares, 1) in ("pretrain", "test")


def test_the_split_of_a_text_is_that_of_its_normalised_form():
    spellings = ["Ёлка в лесу", "ёлка  В\nлесу ", unicodedata.normalize("NFD", "Ёлка в лесу")]
    assert len({split_of(Record(text, "s", "1"), normalise(text), HALVES, seed=3) for text in spellings}) == 1
    assert len({digest(normalise(text)) for text in spellings}) == 1


def test_a_split_that_the_source_chose_stands():
    assert split_of(Record("text", "s", "1", parallel_id="p", split="locate"), "text", ALL_TEST, 1) == "locate"


@given(text=st.text())
@quick
def test_normalising_ignores_case_and_whitespace_and_leaves_no_space_at_the_ends(text):
    assert normalise(f"  {text}\n") == normalise(text) == normalise(text).strip()
    assert "  " not in normalise(text)


@pytest.mark.parametrize("text", ["", " \t\n", "\n", r"\n", " \u3000", "\\n\n"])
def test_empty_texts_of_the_published_format_are_recognised(text):
    assert is_empty(text)
    assert not is_empty(text + "a")


# -- whole corpora -----------------------------------------------------------------------------------------------------

lines = st.lists(
    st.fixed_dictionaries({"text": st.text(alphabet="aAbB é\n", max_size=6), "fact": st.none() | st.integers(0, 5)}),
    max_size=30,
)


@given(first=lines, second=lines, seed=st.integers(0, 3))
@quick
def test_any_corpus_is_disjoint_complete_and_counted(tmp_path_factory, first, second, seed):
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "a.jsonl", [{"text": "anchor", "fact": None}, *first])
    write_jsonl(folder / "b.jsonl", second)
    parts = [jsonl(folder / f"{name}.jsonl", parallel_id="fact", seed=seed) for name in "ab"]
    rows, stats = build(folder / "out", *parts)
    kept = [normalise(text) for text in texts(rows)]
    wanted = {normalise(row["text"]) for row in [{"text": "anchor"}, *first, *second] if not is_empty(row["text"])}
    assert sorted(kept) == sorted(wanted)  # nothing twice in or across splits, nothing lost
    home = {}
    for split in SPLITS:
        for row in rows[split]:
            assert row["parallel_id"] is None or home.setdefault(row["parallel_id"], split) == split
    assert stats["read"] == 1 + len(first) + len(second)
    for counts in [stats, *stats["parts"]]:
        assert counts["read"] == sum(counts[name] for name in build_module.COUNTS if name != "read")
    for name in build_module.COUNTS:
        assert stats[name] == sum(part[name] for part in stats["parts"])
    for split, size in stats["splits"].items():
        assert size["documents"] == len(rows[split])
        assert size["characters"] == sum(len(text) for text in texts(rows[split]))
        assert size["bytes"] == sum(len(text.encode()) for text in texts(rows[split]))


def test_a_text_in_several_splits_stays_in_test_before_locate_before_pretrain(here):
    for split, names in {"pretrain": "abc", "locate": "bcd", "test": "ce"}.items():
        write_jsonl(f"{split}.jsonl", [{"text": name} for name in names] + [{"text": f" {names[0].upper()}"}])
    parts = [jsonl(f"{split}.jsonl", splits={split: 1.0}) for split in SPLITS]
    for order in (parts, parts[::-1]):
        rows, stats = build(here / "out", *order)
        assert [normalise(text) for text in texts(rows["test"])] == ["c", "e"]
        assert [normalise(text) for text in texts(rows["locate"])] == ["b", "d"]
        assert [normalise(text) for text in texts(rows["pretrain"])] == ["a"]
        assert (stats["read"], stats["kept"], stats["duplicates"]) == (11, 5, 6)


def test_translations_land_in_the_same_split_in_every_language(here):
    facts = [f"fact-{number}" for number in range(200)]
    for language in ("ru", "zh"):
        write_jsonl(f"{language}.jsonl", [{"text": f"{language} {fact}", "fact": fact} for fact in facts])
    part = jsonl("{language}.jsonl", parallel_id="fact", id="fact")
    russian, chinese = (build(here / code, part, language=code)[0] for code in ("ru", "zh"))
    for split in SPLITS:
        ids = [row["parallel_id"] for row in russian[split]]
        assert ids == [row["parallel_id"] for row in chinese[split]]
        assert len(ids) > 20


def test_the_filter_counts_characters_of_nfc_text_and_compares_a_column(here):
    rows = [
        {"text": unicodedata.normalize("NFD", "ёж"), "kind": "news"},
        {"text": "дом", "kind": "news"},
        {"text": "длинно", "kind": "news"},
        {"text": "дым", "kind": "web"},
        {"text": r"\n", "kind": "news"},
        {"text": " \n", "kind": "news"},
    ]
    write_jsonl("text.jsonl", rows)
    keep = {"min_characters": 3, "max_characters": 5, "column": "kind", "equals": "news"}
    rows, stats = build(here / "out", jsonl(keep=keep, splits=ALL_TEST))
    assert texts(rows) == ["дом"]
    assert (stats["read"], stats["kept"], stats["filtered"], stats["empty"]) == (6, 1, 3, 2)


def test_the_cap_counts_what_is_kept_and_reads_no_further(here):
    lines = [{"text": text} for text in ["a", "A", "", "b", "c"]]
    write_jsonl("text.jsonl", [*lines, "this line would be an error"])
    rows, stats = build(here / "out", jsonl(max_documents=3, splits=ALL_TEST))
    assert texts(rows) == ["a", "b", "c"]
    assert stats["parts"][0] == {
        "source": "jsonl", "read": 5, "kept": 3, "empty": 1, "filtered": 0, "duplicates": 1, "bad_records": 0,
    }  # fmt: skip


def test_the_cap_is_reached_although_a_text_moves_to_an_earlier_split(here):
    write_jsonl("text.jsonl", [{"text": "same", "fact": fact} for fact in range(20)] + [{"text": "b", "fact": 0}])
    moved = {choose_split(f"parallel\n{fact}", HALVES, 1) for fact in range(20)}
    assert moved == set(SPLITS)
    rows, _ = build(here / "out", jsonl(max_documents=2, parallel_id="fact"))
    assert sorted(texts(rows)) == ["b", "same"]


def test_columns_ids_and_provenance_are_those_of_the_contract(here):
    write_jsonl("text.jsonl", [{"content": "e\u0301t\u00e9\r\n"}, {"content": "b"}])
    write_jsonl("more.jsonl", [{"text": "c", "key": 7, "fact": 12}])
    parts = [jsonl(text="content", splits=ALL_TEST), jsonl("more.jsonl", id="key", parallel_id="fact", splits=ALL_TEST)]
    rows, stats = build(here / "out", *parts, language="fr")
    assert rows["test"] == [
        {"id": "0-1", "text": "\u00e9t\u00e9\r\n", "language": "fr", "source": "text.jsonl", "parallel_id": None},
        {"id": "0-2", "text": "b", "language": "fr", "source": "text.jsonl", "parallel_id": None},
        {"id": "7", "text": "c", "language": "fr", "source": "more.jsonl", "parallel_id": "12"},
    ]
    schema = parquet.read_schema(here / "out" / "pretrain.parquet")
    assert schema.names == ["id", "text", "language", "source", "parallel_id"]
    assert set(schema.types) == {pyarrow.string()}
    for split in SPLITS:
        metadata = parquet.read_schema(here / "out" / f"{split}.parquet").metadata
        assert (metadata[b"code"], metadata[b"language"], metadata[b"split"]) == (b"c0de", b"fr", split.encode())
        assert json.loads(metadata[b"parts"]) == parts
        assert set(json.loads(metadata[b"inputs"])) == {"text.jsonl", "more.jsonl"}
    assert stats["settings"]["parts"] == parts
    assert stats["provenance"]["code"] == "c0de"


def test_an_empty_split_is_a_file_without_rows(here):
    write_jsonl("text.jsonl", [{"text": "only"}])
    rows, stats = build(here / "out", jsonl(splits={"locate": 1.0}))
    assert {split: len(rows[split]) for split in SPLITS} == {"pretrain": 0, "locate": 1, "test": 0}
    assert stats["splits"]["test"] == {"documents": 0, "bytes": 0, "characters": 0}


def test_building_twice_gives_the_same_bytes(here):
    write_jsonl("text.jsonl", [{"text": f"text {number % 150}"} for number in range(300)])
    for folder in ("one", "two"):
        build(here / folder, jsonl())
    for name in ("pretrain.parquet", "locate.parquet", "test.parquet", "stats.json"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


def test_batches_do_not_change_what_is_written(here, monkeypatch):
    write_jsonl("text.jsonl", [{"text": f"text {number % 40}", "fact": number % 7} for number in range(100)])
    whole, _ = build(here / "whole", jsonl(parallel_id="fact"))
    monkeypatch.setattr("langatlas.corpora.spool.BATCH_ROWS", 3)
    monkeypatch.setattr("langatlas.corpora.spool.BATCH_CHARACTERS", 15)
    assert build(here / "pieces", jsonl(parallel_id="fact"))[0] == whole


def test_nothing_but_the_four_outputs_is_left_behind(here):
    write_jsonl("text.jsonl", [{"text": "a"}])
    (here / "out" / ".spool").mkdir(parents=True)
    (here / "out" / ".spool" / "of a killed job").touch()
    build(here / "out", jsonl())
    assert sorted(os.listdir(here / "out")) == ["locate.parquet", "pretrain.parquet", "stats.json", "test.parquet"]


def test_an_own_label_is_as_welcome_as_a_language(here):
    write_jsonl("code.jsonl", [{"text": "def f(): pass"}])
    labels = {"code": {"name": "Source code", "group": "code"}}
    rows, stats = build(here / "out", jsonl("{language}.jsonl"), language="code")
    assert texts(rows) == ["def f(): pass"]
    assert list(corpora.wide(corpora.build([stats], labels), labels, stats=[stats])[""]["Language"]) == [
        "Source code (code)"
    ]
    with pytest.raises(ValueError, match="unknown language 'code'"):
        corpora.build([stats])


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_language_and_split_relatives_together(here):
    for language, n in (("uk", 1), ("de", 2), ("ru", 3)):
        write_jsonl(f"{language}.jsonl", [{"text": f"{language} é {number}"} for number in range(n)] + [{"text": ""}])
        build(here / "out" / language, jsonl("{language}.jsonl", splits=ALL_TEST), language=language)
    stats = corpora.read_stats(here / "out" / language / "stats.json" for language in ("uk", "de", "ru"))
    table = corpora.build(stats)
    assert list(table.columns) == ["corpus", "language", "split", "documents", "bytes", "characters"]
    assert list(table["language"]) == ["de"] * 3 + ["ru"] * 3 + ["uk"] * 3
    assert list(table["split"]) == list(SPLITS) * 3
    assert table[table.split == "test"].values.tolist() == [
        ["tiny", "de", "test", 2, 14, 12], ["tiny", "ru", "test", 3, 21, 18], ["tiny", "uk", "test", 1, 7, 6],
    ]  # fmt: skip
    (wide,) = corpora.wide(table, stats=stats).values()
    assert list(wide["Language"]) == ["German (de)", "Russian (ru)", "Ukrainian (uk)"]
    assert wide[["Pretrain", "Test", "Characters", "Read", "Empty"]].values.tolist() == [
        [0, 2, 12, 3, 1], [0, 3, 18, 4, 1], [0, 1, 6, 2, 1],
    ]  # fmt: skip
    corpora.TABLE.write(table, here / "corpora.csv", parts={"": wide})
    assert read_table(here / "corpora.csv").values.tolist() == table.values.tolist()
    assert "| German (de)" in (here / "corpora.md").read_text(encoding="utf-8")
