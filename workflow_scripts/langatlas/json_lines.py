"""JSON lines as everything here reads them: corpora, questions, translations, files of other people's code.

UTF-8, with or without byte order marks; lines end in LF, CRLF or CR and nowhere else (U+2028 and its like may stand in
strings); blank lines count as lines, not as records; compressed files are unpacked; one JSON list of records is taken too.
"""

import json
import os
import re
from collections.abc import Iterator
from itertools import chain

from langatlas.compressed import unpacked
from langatlas.corpora.records import BadRecord

Row = tuple[str, object]  # the place (file and line or row) and what stands there
WHITE = re.compile(r"[ \t\n\r]*")  # what JSON allows between its words


def records(path: str | os.PathLike) -> Iterator[tuple[str, dict]]:
    """The objects of a file, each with its place. Raises ValueError naming file, line and fault of the first bad one."""
    for row in rows(path):
        if isinstance(row, BadRecord):
            raise ValueError(f"{row.place}: {row.problem}")
        place, value = row
        if not isinstance(value, dict):
            raise ValueError(f"{place}: the record is {kind(value)}, but must be an object: {short(value)}")
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{place}: the record holds {lone_surrogate(error)}") from None
        yield place, value


def rows(path: str | os.PathLike) -> Iterator[Row | BadRecord]:
    """Every record of a file, of whatever kind, with its place; what cannot be read is yielded as a ``BadRecord``."""
    number = 0
    try:
        with unpacked(path) as handle:
            # bytes.splitlines knows LF, CRLF and CR only, none of which can stand raw in a string of JSON
            lines = enumerate(chain.from_iterable(map(bytes.splitlines, handle)), start=1)
            for number, line in lines:
                if _plain(line).startswith(b"["):
                    yield from _list_or_lines([line, *(line for _, line in lines)], path, number)
                elif _plain(line):
                    yield _parse_line(line, f"{path}:{number}")
                else:
                    continue
                break  # only the first record tells which of the two it is
            for number, line in lines:
                if _plain(line):
                    yield _parse_line(line, f"{path}:{number}")
    except ValueError as error:
        yield BadRecord(f"{path}:{number + 1}", str(error))


def _plain(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf").strip()


def _list_or_lines(lines: list[bytes], path: str | os.PathLike, first: int) -> Iterator[Row | BadRecord]:
    """A file that begins with a bracket: one list of records, unless its first line is a whole list and others follow."""
    if any(map(_plain, lines[1:])) and not isinstance(_parse_line(lines[0], ""), BadRecord):
        for number, line in enumerate(lines, start=first):
            if _plain(line):
                yield _parse_line(line, f"{path}:{number}")
        return
    content = b"\n".join(lines)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = first + content.count(b"\n", 0, error.start)
        problem = f"the list is not UTF-8: byte 0x{content[error.start]:02x}. Convert the file to UTF-8"
        yield BadRecord(f"{path}:{number}", problem)
        return
    yield from _list_rows(text, path, first)


def _list_rows(text: str, path: str | os.PathLike, line: int) -> Iterator[Row | BadRecord]:
    """Records of a JSON list; behind a fault none can be found any more. ``line``: that of the bracket."""
    decoder, number, before = json.JSONDecoder(), 0, 0
    position = WHITE.match(text, text.index("[") + 1).end()
    after = "]" if text.startswith("]", position) else ","
    while after != "]":
        number += 1
        line, before = line + text.count("\n", before, position), position
        place = f"{path}:{line}, record {number}"
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield BadRecord(place, f"the list is not JSON ({_said(error)}), its rest is lost")
            return
        yield place, value
        position = WHITE.match(text, position).end()
        after = text[position : position + 1]
        if after == ",":
            position = WHITE.match(text, position + 1).end()
        elif after != "]":
            what = f"goes on with {short(text[position : position + 20])}" if after else "ends"
            yield BadRecord(place, f"the list is not JSON (behind this record it {what}), its rest is lost")
            return
    if behind := text[position + 1 :].strip():
        yield BadRecord(os.fspath(path), f"there is more behind the end of the list: {short(behind)}")


def _parse_line(line: bytes, place: str) -> Row | BadRecord:
    try:
        text = line.decode("utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        wrong = line[error.start : error.start + 1].hex()
        return BadRecord(place, f"the line is not UTF-8: byte 0x{wrong} at {error.start}. Convert the file to UTF-8")
    try:
        return place, json.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, thousands of nested brackets
        return BadRecord(place, f"the line is not JSON ({_said(error)}): {short(text)}")


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at character {error.pos}"  # some of its messages end in "at"
    return str(error)


def lone_surrogate(error: UnicodeEncodeError) -> str:
    """What JSON can spell and no text can hold, in words."""
    return f"half of a surrogate pair, U+{ord(error.object[error.start]):04X}, at {error.start}"


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    kinds = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object", bytes: "bytes"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def short(value: object, length: int = 60) -> str:
    """A value for a message, its end left out where it is long."""
    shown = repr(value)
    return shown if len(shown) <= length else shown[:length] + "…"
