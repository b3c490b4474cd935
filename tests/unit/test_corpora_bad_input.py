"""Whatever can be wrong with text or with its part of the config: what is said, and what is counted under skip."""

import gzip
import json
import os
import re

import pyarrow
import pytest

from corpus_builder import build, texts, write_jsonl, write_parquet

GOOD = {"text": "good"}
REMEDY = "Mend it, or set on_bad_record: skip in parts[0] to count such records and go on"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def part(files, **keys):
    source = "parquet" if files.endswith(".parquet") else "jsonl"
    return {"source": source, "files": files, "splits": {"test": 1.0}, **keys}


def not_utf8(values):
    """An Arrow string column that holds these bytes without checking them."""
    offsets = [0]
    for value in values:
        offsets.append(offsets[-1] + len(value))
    buffers = [None, pyarrow.array(offsets, pyarrow.int32()).buffers()[1], pyarrow.py_buffer(b"".join(values))]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(values), buffers)


def in_second_line(line):
    return b'{"text": "good"}\n' + line + b'\n{"text": "better"}\n'


# file name, its bytes, what is said, texts kept under skip
BAD_LINES = {
    "malformed JSON": (
        b'{"text": "cut',
        'b.jsonl:2: the line is not JSON (Unterminated string starting at character 9): \'{"text": "cut\'',
    ),
    "a list": (b'["text"]', "b.jsonl:2: the record is a list, but must be an object of columns: ['text']"),
    "a bare string": (b'"text"', "b.jsonl:2: the record is a string, but must be an object of columns: 'text'"),
    "a huge number": (b"9" * 5000, "b.jsonl:2: the line is not JSON (Exceeds the limit (4300 digits)"),
    "deep nesting": (b"[" * 100_000, "b.jsonl:2: the line is not JSON (maximum recursion depth exceeded"),
    "no text column": (
        b'{"content": "x", "id": 1}',
        "b.jsonl:2: there is no column 'text'; the columns are: content, id",
    ),
    "no column at all": (b"{}", "b.jsonl:2: there is no column 'text'; the columns are: none"),
    "a number as text": (b'{"text": 7}', "b.jsonl:2: column 'text' holds a number, but must be a string: 7"),
    "null as text": (b'{"text": null}', "b.jsonl:2: column 'text' holds null, but must be a string: None"),
    "a long list as text": (
        json.dumps({"text": ["word"] * 99}).encode(),
        "b.jsonl:2: column 'text' holds a list, but must be a string: ['word', 'word', 'word', 'word', 'word', ",
    ),
    "Latin-1": (
        '{"text": "été"}'.encode("latin-1"),
        "b.jsonl:2: the line is not UTF-8: byte 0xe9 at 10. Convert the file to UTF-8",
    ),
    "half a surrogate pair": (
        b'{"text": "ab\\ud83d"}',
        "b.jsonl:2: column 'text' holds half of a surrogate pair, U+D83D, at 2",
    ),
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_stops_the_job_with_file_line_and_remedy_or_is_counted(here, line, message):
    (here / "b.jsonl").write_bytes(in_second_line(line))
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        build(here / "out", part("b.jsonl"))
    assert str(raised.value).endswith(REMEDY)
    assert not (here / "out").exists() or os.listdir(here / "out") == []
    rows, stats = build(here / "out", part("b.jsonl", on_bad_record="skip"))
    assert texts(rows) == ["good", "better"]
    assert (stats["read"], stats["kept"], stats["bad_records"]) == (3, 2, 1)
    assert len(stats["bad_record_places"]) == 1
    assert stats["bad_record_places"][0].startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"text": "x", "key": None, "fact": "a", "kind": 1},
            "column 'key' holds null, but an id must be a string or whole number",
        ),
        ({"text": "x", "key": True, "fact": "a", "kind": 1}, "column 'key' holds a truth value, but an id must be"),
        ({"text": "x", "key": 1, "fact": [1], "kind": 1}, "column 'fact' holds a list, but an id must be"),
        ({"text": "x", "key": 1}, "there is no column 'fact'; the columns are: text, key"),
        ({"text": "x", "key": 1, "fact": 2}, "there is no column 'kind'; the columns are: text, key, fact"),
    ],
)
def test_bad_ids_and_missing_filter_columns_are_named(here, row, message):
    write_jsonl("b.jsonl", [row])
    keys = {"id": "key", "parallel_id": "fact", "keep": {"column": "kind", "equals": 1}}
    with pytest.raises(ValueError, match=re.escape(f"b.jsonl:1: {message}")):
        build(here / "out", part("b.jsonl", **keys))


def damaged_files():
    compressed = gzip.compress(
        b"".join(b'{"text": "%d %s"}\n' % (n, os.urandom(40).hex().encode()) for n in range(900))
    )
    flipped = bytearray(compressed)
    flipped[len(flipped) // 2] ^= 0xFF
    return {
        "truncated gzip": ("b.jsonl.gz", compressed[: len(compressed) // 2], r"b.jsonl.gz:\d+: the gzip file is trun"),
        "corrupt gzip": (
            "b.jsonl.gz",
            bytes(flipped),
            r"b.jsonl.gz:\d+: (the gzip file is truncated or corrupt|the line)",
        ),
        "no gzip": ("b.jsonl.gz", b'{"text": "plain"}\n', r"b.jsonl.gz:1: the gzip file is .*Not a gzipped file"),
        "truncated parquet": ("b.parquet", None, r"b.parquet, row 1: the Parquet file is truncated or corrupt"),
        "no parquet": ("b.parquet", b"text\nplain\n", r"b.parquet, row 1: the Parquet file is truncated or corrupt"),
        "empty parquet": ("b.parquet", b"", r"b.parquet, row 1: the Parquet file is truncated or corrupt"),
    }


@pytest.mark.parametrize("damage", damaged_files())
def test_a_damaged_file_stops_the_job_or_is_counted_and_the_next_file_is_read(here, damage):
    name, content, message = damaged_files()[damage]
    if content is None:
        content = write_parquet("whole.bin", text=["a", "b"]).read_bytes()[:-20]
    (here / name).write_bytes(content)
    after = f"c{name[1:]}"
    if name.endswith("parquet"):
        write_parquet(after, text=["after"])
    else:
        (here / after).write_bytes(gzip.compress(b'{"text": "after"}\n'))
    files = f"[bc]{name[1:]}"
    with pytest.raises(ValueError, match=message):
        build(here / "out", part(files))
    rows, stats = build(here / "out", part(files, on_bad_record="skip"))
    assert texts(rows)[-1] == "after"
    assert stats["bad_records"] >= 1
    assert re.match(message, stats["bad_record_places"][0])


def test_pages_of_parquet_that_rot_are_found(here):
    path = write_parquet("b.parquet", text=[os.urandom(30).hex() for _ in range(2000)])
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"b.parquet, row \d+: the (Parquet file is truncated or corrupt|row is not)"):
        build(here / "out", part("b.parquet"))


def test_bad_columns_and_rows_of_parquet_are_named(here):
    write_parquet("b.parquet", content=["x"], number=[1])
    with pytest.raises(ValueError, match=r"b.parquet: there is no column 'text'; the columns are: content, number"):
        build(here / "out", part("b.parquet"))
    with pytest.raises(ValueError, match=r"b.parquet, row 1: column 'number' holds a number, but must be a string: 1"):
        build(here / "out", part("b.parquet", text="number"))
    write_parquet("b.parquet", text=not_utf8([b"good", b"ab\xff", b"better"]))
    with pytest.raises(ValueError, match=r"b.parquet, row 2: the row is not UTF-8: byte 0xff at 2"):
        build(here / "out", part("b.parquet"))
    rows, stats = build(here / "out", part("b.parquet", on_bad_record="skip"))
    assert (texts(rows), stats["bad_records"]) == (["good", "better"], 1)


def test_only_the_first_ten_places_are_listed_and_all_are_counted(here):
    write_jsonl("b.jsonl", [GOOD] + ["nothing"] * 25)
    _, stats = build(here / "out", part("b.jsonl", on_bad_record="skip"))
    assert stats["bad_records"] == 25
    assert [place.split(": ")[0] for place in stats["bad_record_places"]] == [f"b.jsonl:{n}" for n in range(2, 12)]


# -- no text -----------------------------------------------------------------------------------------------------------


def test_a_glob_without_files_names_pattern_language_and_folder(here):
    with pytest.raises(
        ValueError, match=r"parts\[0\].files: no file matches 'text/uk/\*.jsonl' for language 'uk'"
    ) as error:
        build(here / "out", part("text/{language}/*.jsonl", on_bad_record="skip"), language="uk")
    assert str(here) in str(error.value)
    assert "take the language out of the config" in str(error.value)


@pytest.mark.parametrize(
    ("rows", "keep", "counted"),
    [
        ([], {}, "read 0, kept 0"),
        ([{"text": r"\n"}, {"text": " "}], {}, "read 2, kept 0, empty 2"),
        ([GOOD], {"min_characters": 5}, "read 1, kept 0, empty 0, filtered 1"),
        (["nothing"], {}, "bad records 1"),
    ],
)
def test_no_text_left_is_an_error_that_says_where_it_went(here, rows, keep, counted):
    write_jsonl("b.jsonl", rows)
    with pytest.raises(ValueError, match="corpus 'tiny' has no text for language 'ru'") as raised:
        build(here / "out", part("b.jsonl", keep=keep, on_bad_record="skip"))
    assert counted in str(raised.value)
    assert ("First bad record: b.jsonl:1" in str(raised.value)) == (rows == ["nothing"])
    assert not (here / "out" / "stats.json").exists()


def test_an_error_leaves_the_files_of_an_earlier_run_alone(here):
    write_jsonl("b.jsonl", [GOOD])
    build(here / "out", part("b.jsonl"))
    before = {name: (here / "out" / name).read_bytes() for name in os.listdir(here / "out")}
    write_jsonl("b.jsonl", [GOOD, "nothing"])
    with pytest.raises(ValueError, match=r"b\.jsonl:2"):
        build(here / "out", part("b.jsonl"))
    assert {name: (here / "out" / name).read_bytes() for name in os.listdir(here / "out")} == before


# -- the Hub -----------------------------------------------------------------------------------------------------------


def test_a_data_set_that_cannot_be_opened_is_named_with_its_keys(here):
    write_jsonl("set/train.jsonl", [GOOD])
    keys = {"source": "huggingface", "path": str(here / "set"), "splits": {"test": 1.0}}
    with pytest.raises(ValueError, match=r"parts\[0\]: cannot open the data set .*set' \(name None, split 'held'"):
        build(here / "out", {**keys, "split": "held"})
    with pytest.raises(ValueError, match=r"parts\[0\]: cannot open the data set .*nowhere'"):
        build(here / "out", {**keys, "path": str(here / "nowhere")})


def test_a_stream_that_breaks_is_an_error_even_under_skip_for_its_rest_would_be_lost(here):
    write_jsonl("set/train.jsonl", [GOOD, '{"text": "cut'])
    keys = {"source": "huggingface", "path": str(here / "set"), "splits": {"test": 1.0}, "on_bad_record": "skip"}
    with pytest.raises(ValueError, match=r"set, split train, row \d: the stream broke"):
        build(here / "out", keys)


def test_a_row_of_a_stream_is_named_by_its_number(here):
    write_jsonl("set/train.jsonl", [GOOD, {"text": None}])
    keys = {"source": "huggingface", "path": str(here / "set"), "splits": {"test": 1.0}}
    with pytest.raises(ValueError, match="set, split train, row 2: column 'text' holds null, but must be a string"):
        build(here / "out", keys)
    rows, stats = build(here / "out", {**keys, "on_bad_record": "skip"})
    assert (texts(rows), stats["bad_records"]) == (["good"], 1)
