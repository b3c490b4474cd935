"""Parquet files of one corpus: written in batches, so that memory does not grow with the text."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow
from pyarrow import compute, parquet

from langatlas.corpora.records import Record

SCHEMA = pyarrow.schema([(name, pyarrow.string()) for name in ("id", "text", "language", "source", "parallel_id")])
SPOOL_SCHEMA = SCHEMA.append(pyarrow.field("digest", pyarrow.binary(16)))
FORMAT = {"compression": "zstd", "write_statistics": False}  # statistics would repeat the longest texts in the footer
BATCH_ROWS = 8192
BATCH_CHARACTERS = 2**22  # a batch of long documents is written before it has as many rows


class Spool:
    """Records of one split on their way to its file, with their digests."""

    def __init__(self, path: Path, language: str):
        self.path = path
        self.language = language
        self._writer = parquet.ParquetWriter(path, SPOOL_SCHEMA, **FORMAT)
        self._rows: list[dict] = []
        self._characters = 0

    def add(self, record: Record, digest: bytes) -> None:
        """Append one record; memory holds one batch."""
        self._rows.append(
            {
                "id": record.id,
                "text": record.text,
                "language": self.language,
                "source": record.source,
                "parallel_id": record.parallel_id,
                "digest": digest,
            }
        )
        self._characters += len(record.text)
        if len(self._rows) >= BATCH_ROWS or self._characters >= BATCH_CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Write what is left. The spool can be read from now on."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_batch(pyarrow.RecordBatch.from_pylist(self._rows, schema=SPOOL_SCHEMA))
            self._rows, self._characters = [], 0


def write_split(
    spool: Path, output: Path, keeps: Callable[[bytes], bool], metadata: Mapping[str, str]
) -> dict[str, int]:
    """Copy the rows of a spool whose digest ``keeps`` accepts into the final file, with ``metadata`` in its schema.

    Returns documents, bytes (UTF-8) and characters of what was kept.
    """
    size = {"documents": 0, "bytes": 0, "characters": 0}
    schema = SCHEMA.with_metadata(dict(metadata))
    with parquet.ParquetFile(spool) as source, parquet.ParquetWriter(output, schema, **FORMAT) as writer:
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group, use_threads=False)
            mask = pyarrow.array([keeps(digest) for digest in rows.column("digest").to_pylist()], pyarrow.bool_())
            kept = rows.filter(mask).select(SCHEMA.names).cast(schema)
            writer.write_table(kept)
            text = kept.column("text")
            size["documents"] += kept.num_rows
            size["bytes"] += compute.sum(compute.binary_length(text)).as_py() or 0
            size["characters"] += compute.sum(compute.utf8_length(text)).as_py() or 0
    return size
