"""JSON lines in every form that people bring are the same records, whoever reads them; what is no such file is named."""

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile

import pyarrow
import pytest

from corpus_builder import build, texts
from langatlas.corpora.question_files import read_items
from langatlas.corpora.translations import file_items
from langatlas.interchange.neurons import counts_from_file
from langatlas.interchange.passes import read_index
from langatlas.json_lines import BadRecord, records, rows

BOM = b"\xef\xbb\xbf"
SEPARATORS = "a\u2028b\u2029c\u0085d\u000be"  # str.splitlines would break a line at each, and JSON may hold them raw
RECORDS = [
    {
        "id": str(number),
        "text": f"{number} {SEPARATORS} ё 字",
        "question": f"{number}{SEPARATORS}?",
        "choices": ["x", "y"],
        "answer": 0,
        "sentences": {"ru": f"{number} ё", "en": f"{number} e"},
    }
    for number in range(3)
]
DUMPED = [json.dumps(record, ensure_ascii=False).encode() for record in RECORDS]
LINES = b"\n".join(DUMPED)


def tar(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("a.jsonl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jsonl", content)
    return packed.getvalue()


def arrow(codec: str, content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


FORMS = {
    "lines": LINES + b"\n",
    "no last newline": LINES,
    "byte order mark": BOM + LINES + b"\n",
    "byte order mark in the middle, of files that were joined": DUMPED[0] + b"\n" + BOM + b"\n".join(DUMPED[1:]),
    "CRLF": b"\r\n".join(DUMPED) + b"\r\n",
    "CR": b"\r".join(DUMPED) + b"\r",
    "blank lines": b"\n \n" + b"\n\n\t\n".join(DUMPED) + b"\n\n",
    "a blank line with a byte order mark": BOM + b"\n" + LINES,
    "escaped": b"\n".join(json.dumps(record).encode() for record in RECORDS),
    "a list in one line": b"[" + b",".join(DUMPED) + b"]",
    "a list with a byte order mark and line breaks": BOM + json.dumps(RECORDS, ensure_ascii=False, indent=2).encode(),
    "a list with CRLF": json.dumps(RECORDS, indent=1).replace("\n", "\r\n").encode(),
    "gzip": gzip.compress(BOM + LINES),
    "gzip in members": gzip.compress(DUMPED[0] + b"\n") + gzip.compress(b"\n".join(DUMPED[1:])),
    "bzip2": bz2.compress(LINES),
    "xz": lzma.compress(LINES),
    "zstd": arrow("zstd", LINES),
    "zstd in frames": arrow("zstd", DUMPED[0] + b"\n") + arrow("zstd", b"\n".join(DUMPED[1:])),
    "lz4": arrow("lz4", LINES),
    "a list in gzip": gzip.compress(json.dumps(RECORDS).encode()),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_records_to_every_reader(tmp_path, content):
    path = tmp_path / "text.jsonl"  # no suffix tells the compression: the first bytes do
    path.write_bytes(content)
    assert [record for _, record in records(path)] == RECORDS
    assert [item.text for item in read_items(path, None, 1)] == [record["question"] for record in RECORDS]
    assert [item.sentences for item in file_items(str(path), ["en", "ru"])] == [r["sentences"] for r in RECORDS]
    kept, _ = build(tmp_path / "out", {"source": "jsonl", "files": str(path), "splits": {"test": 1.0}})
    assert texts(kept) == [record["text"] for record in RECORDS]


@pytest.mark.parametrize("form", ["byte order mark", "CRLF", "blank lines", "gzip"])
def test_released_files_of_neurons_are_read_in_these_forms_too(tmp_path, form):
    line = b'{"0": [1, 2], "1": [3, 4]}'
    contents = {
        "byte order mark": BOM + line,
        "CRLF": line + b"\r\n",
        "blank lines": b"\n" + line + b"\n\n",
        "gzip": gzip.compress(line),
    }
    (tmp_path / "index.jsonl").write_bytes(contents[form])
    assert read_index(tmp_path / "index.jsonl").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "jsonl"])
def test_a_glob_finds_compressed_files_beside_plain_ones(tmp_path, suffix):
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": lambda b: arrow("zstd", b)}
    (tmp_path / f"b.jsonl.{suffix}").write_bytes(packed.get(suffix, bytes)(b'{"text": "second"}'))
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "first"}')
    for pattern in ("*.jsonl*", f"[ab].jsonl*{suffix[-1]}"):
        part = {"source": "jsonl", "files": f"{tmp_path}/{pattern}", "splits": {"test": 1.0}}
        assert texts(build(tmp_path / "out", part)[0])[-1] == "second"


LIST = b'[\n {"a": 1},\n {"a": 2},\n'
# content, where, what is said
FAULTS = {
    "UTF-16": ("[{}]".encode("utf-16"), 1, "the file is UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    "UTF-16 without a mark": ('{"a": "é"}'.encode("utf-16-le"), 1, "the file is UTF-16: convert it to UTF-8"),
    "UTF-16, the other way round": ('{"a": "é"}'.encode("utf-16-be"), 1, "the file is UTF-16: convert it to UTF-8"),
    "UTF-32": ("{}".encode("utf-32"), 1, "the file is UTF-32: convert it to UTF-8"),
    "zip": (zipped(LINES), 1, "the file is a zip archive: unpack it"),
    "tar": (tar(LINES), 1, "the file is a tar archive: unpack it"),
    "tar in gzip": (gzip.compress(tar(LINES)), 1, "the file is a tar archive: unpack it"),
    "UTF-16 in xz": (lzma.compress("{}".encode("utf-16")), 1, "the file is UTF-16: convert it to UTF-8"),
    "Parquet": (b"PAR1...PAR1", 1, "the file is a Parquet file: its source is parquet"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", 1, "run git lfs pull"),
    "Latin-1 in a list": (b'[\n{"a": "\xe9"}]', 2, "the list is not UTF-8: byte 0xe9. Convert the file to UTF-8"),
    "Latin-1 in a line": (b'{"a": 1}\n{"a": "\xe9"}', 2, "the line is not UTF-8: byte 0xe9 at 7"),
    "a list that ends": (LIST[:-2], 3, "record 2: the list is not JSON (behind this record it ends), its rest is lost"),
    "a list that ends behind a comma": (LIST, 3, "record 3: the list is not JSON (Expecting value at character 23)"),
    "a list without a comma": (b'[{"a": 1}\n{"a": 2}]', 1, """behind this record it goes on with '{"a": 2}]')"""),
    "a list and more": (b'[{"a": 1}] x', None, "there is more behind the end of the list: 'x'"),
    "numbers in a list": (b'[{"a": 1},\n 2]', 2, "record 2: the record is a number, but must be an object: 2"),
    "lists in lines": (b'[{"a": 1}]\n[{"a": 2}]', 1, "the record is a list, but must be an object"),
    "a record over lines": (b'{"a":\n 1}', 1, "the line is not JSON (Expecting value at character 5): '{\"a\":'"),
    "comma separated": (b"question,answer\n", 1, "the line is not JSON (Expecting value at character 0)"),
    "half a character": (b'{"a": "x\\ud83d"}', 1, "the record holds half of a surrogate pair, U+D83D, at 8"),
    "zstd, cut": (arrow("zstd", LINES * 99)[:50], 1, "the zstd file is truncated or corrupt, its rest is lost"),
    "bzip2, cut": (bz2.compress(LINES)[:-9], 3, "the bzip2 file is truncated or corrupt, its rest is lost"),
    "xz, cut": (lzma.compress(LINES)[:-9], 3, "the xz file is truncated or corrupt, its rest is lost"),
}


@pytest.mark.parametrize(("content", "line", "message"), FAULTS.values(), ids=FAULTS)
def test_a_file_that_cannot_be_read_is_named_with_line_and_remedy(tmp_path, content, line, message):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        list(records(path))
    assert str(raised.value).startswith(f"{path}:{line}" if line else f"{path}: ")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "lz4"])
@pytest.mark.parametrize("content", [b"", b'{"a": 1}\n'])
def test_a_name_that_promises_a_compression_is_believed(tmp_path, suffix, content):
    path = tmp_path / f"x.jsonl.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.jsonl\.\w+:1: the \w+ file is truncated or corrupt"):
        list(records(path))


def test_records_before_a_fault_in_a_list_are_there_and_an_empty_list_and_an_empty_file_have_none(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(LIST)
    found = list(rows(path))
    assert [value for _, value in found[:2]] == [{"a": 1}, {"a": 2}]
    assert [place for place, _ in found[:2]] == [f"{path}:2, record 1", f"{path}:3, record 2"]
    assert isinstance(found[2], BadRecord)
    for empty in (b"", b"\n", BOM, b"[]", b" [ ]\n"):
        path.write_bytes(empty)
        assert list(rows(path)) == []


LFS = b"version https://git-lfs.github.com/spec/v1\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"PAR1", mtime=0), r"compressed as a whole \(gzip\): unpack it"),
        (LFS, "a pointer of Git LFS.*git lfs pull"),
    ],
)
def test_binary_files_that_are_no_such_files_are_named_for_what_they_are(tmp_path, content, message):
    (tmp_path / "x.parquet").write_bytes(content)
    part = {"source": "parquet", "files": f"{tmp_path}/x.parquet", "splits": {"test": 1.0}}
    with pytest.raises(ValueError, match=rf"x\.parquet, row 1: the Parquet file is {message}"):
        build(tmp_path / "out", part)
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.pt: not a file of torch\.save that can be read safely \({message}"):
        counts_from_file(tmp_path / "x.pt", tmp_path / "x.safetensors", {})


def test_a_file_that_is_not_there_is_no_bad_record(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(rows(tmp_path / "x.jsonl"))
