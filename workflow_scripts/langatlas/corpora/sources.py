"""Where text comes from: the built-in world, JSON lines and Parquet files, data sets of the Hub. Each yields records."""

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langatlas import json_lines
from langatlas.compressed import described
from langatlas.corpora.parts import Part
from langatlas.corpora.records import BadRecord, Record
from langatlas.json_lines import Row, kind, lone_surrogate, short

log = logging.getLogger(__name__)

BATCH_ROWS = 1024


def read(part: Part, language: str) -> Iterator[Record | BadRecord | None]:
    """Records of one part in one language, in the order of the source; None for a row that ``keep.column`` excludes.

    Texts are NFC. What cannot be used is yielded as a ``BadRecord``: the caller decides what happens to it.
    Raises ValueError where no file matches, or a data set cannot be opened.
    """
    if part.source == "world":
        yield from _read_world(part, language)
        return
    if part.source == "huggingface":
        yield from _records(_stream_rows(part, language), part, _data_set(part, language), 0)
        return
    seen = 0
    for path in part.local_files(language):
        rows = json_lines.rows(path) if part.source == "jsonl" else _parquet_rows(path, part.columns)
        for record in _records(rows, part, path, seen):
            seen += 1
            yield record


def _read_world(part: Part, language: str) -> Iterator[Record]:
    from langatlas.corpora import world  # imports Babel and its locale data: only who wants the world pays

    yield from world.documents(language, documents=part.documents, seed=part.seed)


def _records(
    rows: Iterator[Row | BadRecord], part: Part, source: str, seen: int
) -> Iterator[Record | BadRecord | None]:
    """Rows as records; one without an id column gets its part and its position in the part, counted from 1."""
    for position, row in enumerate(rows, start=seen + 1):
        if isinstance(row, BadRecord):
            yield row
        else:
            yield to_record(*row, part, source, f"{part.number}-{position}")


def to_record(place: str, values: object, part: Part, source: str, number: str) -> Record | BadRecord | None:
    """One row as a record, with NFC text; None where the filter's column excludes it; else what is wrong with it."""
    if not isinstance(values, dict):
        return BadRecord(place, f"the record is {kind(values)}, but must be an object of columns: {short(values)}")
    for column in part.columns:
        if column not in values:
            there = ", ".join(values) or "none"
            return BadRecord(place, f"there is no column {column!r}; the columns are: {there}")
    if part.keep.column is not None and values[part.keep.column] != part.keep.equals:
        return None
    text = values[part.text]
    if not isinstance(text, str):
        return BadRecord(place, f"column {part.text!r} holds {kind(text)}, but must be a string: {short(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can spell half of a surrogate pair, which is no character
        return BadRecord(place, f"column {part.text!r} holds {lone_surrogate(error)}")
    names = {}
    for role in ("id", "parallel_id"):
        column = getattr(part, role)
        value = None if column is None else values[column]
        if column is not None and not _is_name(value, role):
            return BadRecord(
                place, f"column {column!r} holds {kind(value)}, but an id must be a string or whole number"
            )
        names[role] = None if value is None else str(value)
    return Record(unicodedata.normalize("NFC", text), source, names["id"] or number, names["parallel_id"])


def _is_name(value: object, role: str) -> bool:
    if value is None:
        return role == "parallel_id"  # a text may have no translation, but an id column must identify
    return isinstance(value, str | int) and not isinstance(value, bool)


def _parquet_rows(path: str, columns: list[str]) -> Iterator[Row | BadRecord]:
    """Rows of a Parquet file as dicts of the wanted columns, read in batches."""
    import pyarrow  # not at the head: who reads JSONL only does not wait for it
    from pyarrow import parquet

    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            missing = [column for column in columns if column not in there]
            if missing:
                yield BadRecord(path, f"there is no column {missing[0]!r}; the columns are: {', '.join(there)}")
                return
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                for values in _batch_rows(batch):
                    row += 1
                    place = f"{path}, row {row}"
                    yield BadRecord(place, values) if isinstance(values, str) else (place, values)
    except (pyarrow.ArrowException, OSError) as error:
        what = described(path, b"PAR1")
        problem = f"is {what}" if what else f"is truncated or corrupt, its rest is lost ({error})"
        yield BadRecord(f"{path}, row {row + 1}", f"the Parquet file {problem}")


def _batch_rows(batch) -> Iterator[dict | str]:
    """Rows of a record batch as dicts; a row that is not UTF-8 gives a string that says so."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield {name: batch.column(name)[index].as_py() for name in batch.schema.names}
            except UnicodeDecodeError as error:
                yield f"the row is not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}"


def _data_set(part: Part, language: str) -> str:
    name = part.fill("name", language)
    path = part.fill("path", language)
    return f"{path}/{name}" if name else path


def _stream_rows(part: Part, language: str) -> Iterator[Row]:
    """Rows of a data set of the Hub, or of a local folder in its format, streamed: nothing is stored on disk.

    A stream that breaks cannot be taken up again behind the break, so that is an error whatever ``on_bad_record`` says.
    """
    rows = iter(_open_stream(part, language))
    row = 0
    while True:
        row += 1
        place = f"{_data_set(part, language)}, split {part.split}, row {row}"
        try:
            values = next(rows)
        except StopIteration:
            return
        except Exception as error:  # of the network, of the data, of the library: all end the stream
            raise ValueError(f"{place}: the stream broke ({error}). Mend the data, or start again") from error
        yield place, values


def _open_stream(part: Part, language: str):
    import datasets  # takes seconds

    path = part.fill("path", language)
    name = part.fill("name", language)
    if part.revision is None and not Path(path).exists():
        log.warning("%s: %s has no pinned revision: its text may change between runs", part.where, path)
    try:
        with _without_torch(datasets.config):
            return datasets.load_dataset(
                path,
                name=name,
                data_files=_fill(part.data_files, language),
                split=part.split,
                revision=part.revision,
                streaming=True,
            )
    except Exception as error:  # the library raises a dozen kinds, for a missing set, configuration, split or network
        raise ValueError(
            f"{part.where}: cannot open the data set {path!r} (name {name!r}, split {part.split!r}, revision "
            f"{part.revision!r}): {error}. Check these keys, or the connection to the Hub"
        ) from error


@contextmanager
def _without_torch(config) -> Iterator[None]:
    """Let the library believe that torch is missing: it would import it, to make a stream fit for a data loader."""
    there = config.TORCH_AVAILABLE
    config.TORCH_AVAILABLE = False
    try:
        yield
    finally:
        config.TORCH_AVAILABLE = there


def _fill(data_files: object, language: str) -> object:
    """``data_files`` of any shape that the Hub's library takes, with ``{language}`` replaced in every string."""
    if isinstance(data_files, str):
        return data_files.replace("{language}", language)
    if isinstance(data_files, list):
        return [_fill(entry, language) for entry in data_files]
    if isinstance(data_files, dict):
        return {key: _fill(entry, language) for key, entry in data_files.items()}
    return data_files
