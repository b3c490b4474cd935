"""Every source of text: JSON lines, Parquet, data sets of the Hub, the world, and real text where there is some."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from corpus_builder import SPLITS, build, texts, write_jsonl, write_parquet
from langatlas.corpora.parts import input_files
from langatlas.corpora.records import normalise

REPOSITORY = Path(__file__).parents[2]
REAL_TEXT = Path(os.environ.get("LANGATLAS_TEXT", REPOSITORY.parent / "shared" / "data" / "corpora"))
HALVES = {"pretrain": 0.5, "locate": 0.25, "test": 0.25}
ALL_TEST = {"test": 1.0}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jsonl(files="text.jsonl", **keys):
    return {"source": "jsonl", "files": str(files), "splits": HALVES, **keys}


def test_globs_are_read_in_order_of_name_gzipped_or_not_with_blank_lines_and_byte_order_mark(here):
    write_jsonl("ru/b.jsonl", [{"text": "third"}, "", "  ", {"text": "fourth"}])
    (here / "ru" / "a.jsonl.gz").write_bytes(gzip.compress(b'\xef\xbb\xbf{"text": "first"}\r\n{"text": "second"}'))
    (here / "ru" / "c.jsonl").mkdir()
    part = jsonl("{language}/*.jsonl*", splits=ALL_TEST)
    rows, stats = build(here / "out", part)
    assert texts(rows["test"]) == ["first", "second", "third", "fourth"]
    assert [row["id"] for row in rows["test"]] == ["0-1", "0-2", "0-3", "0-4"]
    assert stats["read"] == 4
    assert input_files([part], "ru") == ["ru/a.jsonl.gz", "ru/b.jsonl"]


def test_a_folder_may_be_named_by_an_environment_variable(here, monkeypatch):
    write_jsonl("texts/ru.jsonl", [{"text": "a"}])
    part = jsonl("$TEXT_FOLDER/{language}.jsonl")
    monkeypatch.setenv("TEXT_FOLDER", "texts")
    assert input_files([part], "ru") == ["texts/ru.jsonl"]
    assert texts(build(here / "out", part)[0]) == ["a"]
    monkeypatch.delenv("TEXT_FOLDER")
    with pytest.raises(ValueError, match=r"parts\[0\].files: the environment variable TEXT_FOLDER of .* is not set"):
        input_files([part], "ru")


def test_parquet_gives_the_same_corpus_as_jsonl(here):
    rows = [{"text": f"text {number}", "fact": number // 3} for number in range(60)]
    write_jsonl("text.jsonl", rows)
    write_parquet(
        "text.parquet", text=[row["text"] for row in rows], unused=[[1]] * 60, fact=[row["fact"] for row in rows]
    )
    from_lines, _ = build(here / "lines", jsonl(parallel_id="fact"))
    from_columns, _ = build(here / "columns", jsonl("text.parquet", parallel_id="fact", source="parquet"))
    assert texts(from_lines) == texts(from_columns)
    assert all(len(from_lines[split]) == len(from_columns[split]) > 0 for split in SPLITS)


@pytest.fixture
def hub(here, monkeypatch):
    """Two folders in the Hub's format, one of Parquet and one of JSONL files, each with a configuration per language."""
    monkeypatch.setenv("HF_HOME", str(here / "cache"))
    write_parquet(here / "columns" / "ru" / "train-0.parquet", text=["раз", "два"], kind=["a", "b"])
    write_parquet(here / "columns" / "ru" / "train-1.parquet", text=["три"], kind=["a"])
    write_parquet(here / "columns" / "zh" / "train.parquet", text=["一"], kind=["a"])
    write_jsonl(here / "lines" / "ru" / "train.jsonl", [{"text": "четыре"}, {"text": "пять"}])
    write_jsonl(here / "lines" / "zh" / "train.jsonl", [{"text": f"{number} 号"} for number in range(3000)])
    for folder, suffix in (("columns", "parquet"), ("lines", "jsonl")):
        configurations = [f"- config_name: {code}\n  data_files: {code}/*.{suffix}\n" for code in ("ru", "zh")]
        (here / folder / "README.md").write_text(f"---\nconfigs:\n{''.join(configurations)}---\n")
    return {"source": "huggingface", "path": str(here / "columns"), "name": "{language}", "splits": ALL_TEST}


def test_a_data_set_of_the_hub_is_streamed_by_configuration(hub, here):
    rows, stats = build(here / "out", {**hub, "keep": {"column": "kind", "equals": "a"}})
    assert texts(rows) == ["раз", "три"]
    assert {row["source"] for row in rows["test"]} == {f"{hub['path']}/ru"}
    assert (stats["read"], stats["filtered"]) == (3, 1)
    assert texts(build(here / "out", hub, language="zh")[0]) == ["一"]
    assert texts(build(here / "out", {**hub, "path": str(here / "lines")})[0]) == ["четыре", "пять"]
    assert input_files([hub], "ru") == []


def test_a_plain_folder_and_data_files_with_the_language_stream_too(hub, here):
    rows, _ = build(here / "out", {**hub, "path": str(here / "columns" / "{language}"), "name": None})
    assert texts(rows) == ["раз", "два", "три"]
    files = {"held": ["{language}/train-1.parquet"]}
    rows, _ = build(here / "out", {**hub, "name": None, "data_files": files, "split": "held"})
    assert texts(rows) == ["три"]


def test_a_stream_is_left_when_the_cap_is_reached(hub, here):
    capped = {**hub, "path": str(here / "lines"), "max_documents": 5}
    rows, stats = build(here / "out", capped, language="zh")
    assert texts(rows) == [f"{number} 号" for number in range(5)]
    assert stats["read"] == 5


def test_the_world_gives_the_asked_documents_in_the_splits_that_it_chose(here):
    part = {"source": "world", "documents": {"test": 10, "pretrain": 40, "locate": 0}, "seed": 3}
    russian, stats = build(here / "ru", part)
    ukrainian, _ = build(here / "uk", part, language="uk")
    assert (stats["read"], stats["kept"]) == (50, 50)
    for split, number in {"pretrain": 40, "locate": 0, "test": 10}.items():
        ids = [row["parallel_id"] for row in russian[split]]
        assert ids == [row["parallel_id"] for row in ukrainian[split]]
        assert len(set(ids)) == number


def test_building_from_any_source_imports_no_torch(hub, here):
    program = (
        "import sys, json; from langatlas.corpora.build import build_corpus; "
        "outputs = {split: split + '.parquet' for split in ('pretrain', 'locate', 'test')}; "
        "build_corpus('ru', json.loads(sys.argv[1]), outputs, 's.json'); "
        "assert 'datasets' in sys.modules; assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    subprocess.run([sys.executable, "-c", program, json.dumps([hub])], check=True, cwd=here, env=environment)


@pytest.mark.skipif(not REAL_TEXT.is_dir(), reason=f"no real text at {REAL_TEXT} (set LANGATLAS_TEXT to its folder)")
def test_real_text_of_two_languages_gives_parallel_tests_and_disjoint_splits(tmp_path):
    parts = [
        jsonl(f"{REAL_TEXT}/{{language}}/train.jsonl", splits={"pretrain": 0.9, "locate": 0.1}),
        jsonl(f"{REAL_TEXT}/{{language}}/test_parallel.jsonl", id="id", parallel_id="id", splits=ALL_TEST),
    ]
    ids = {}
    for language in ("ru", "zh"):
        rows, stats = build(tmp_path / language, *parts, language=language)
        source = Path(REAL_TEXT / language / "test_parallel.jsonl").read_text(encoding="utf-8").splitlines()
        expected = {normalise(json.loads(line)["text"]) for line in source}
        assert {normalise(text) for text in texts(rows["test"])} == expected
        assert len({normalise(text) for text in texts(rows)}) == len(texts(rows)) == stats["kept"]
        assert 0.07 < len(rows["locate"]) / (len(rows["locate"]) + len(rows["pretrain"])) < 0.13
        ids[language] = {row["parallel_id"] for row in rows["test"]}
    assert len(ids["ru"] & ids["zh"]) > 0.98 * len(ids["ru"])
