"""Build the corpus of one language: read, filter, deduplicate, split, write.

The text is written to a spool as it is read, and copied from there into the three files once it is known which split
each text belongs to. In memory stand one batch of text and, for each distinct text, a 16-byte digest with its split:
about 150 bytes in all, 1 GB for 7 million documents. On disk the spool takes as much as the outputs until the end.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from langatlas import provenance
from langatlas.corpora import sources
from langatlas.corpora.parts import Part, check_parts
from langatlas.corpora.records import SPLITS, BadRecord, Record, digest, is_empty, normalise
from langatlas.corpora.splits import split_of
from langatlas.corpora.spool import Spool, write_split
from langatlas.files import atomic

log = logging.getLogger(__name__)

COUNTS = ("read", "kept", "empty", "filtered", "duplicates", "bad_records")  # read is the sum of the others
PLACES_SHOWN = 10
RANK = {split: rank for rank, split in enumerate(SPLITS)}
LOG_EVERY = 1_000_000


def build_corpus(
    language: str,
    parts: Sequence[Mapping],
    outputs: Mapping[str, str],
    stats: str,
    *,
    corpus: str = "",
    code: str = "",
) -> dict:
    """Write the Parquet file of every split to ``outputs[split]``, and what was counted to ``stats`` (JSON).

    ``parts`` are the entries of the config. A text that is in several splits stays in the first of test, locate,
    pretrain. A split that no record falls into is a file of 0 rows. Returns the content of ``stats``.
    Raises ValueError for a wrong part, a bad record (unless skipped), and where no text is left.
    """
    builder = _Builder(language, check_parts(parts))
    with _scratch(Path(stats).parent / ".spool") as folder:
        spools = {split: Spool(folder / f"{split}.parquet", language) for split in SPLITS}
        builder.read(spools)
        builder.refuse_empty(corpus)
        inputs = {path: provenance.hash_file(path) for part in builder.parts for path in part.local_files(language)}
        made_by = provenance.collect(code, corpus=corpus, language=language, parts=list(parts), inputs=inputs)
        with ExitStack() as files:  # left in reverse order: the statistics appear last, when all else is there
            stats_file = files.enter_context(atomic(stats))
            targets = {split: files.enter_context(atomic(outputs[split])) for split in SPLITS[::-1]}
            sizes = {split: builder.finish(spools[split].path, targets[split], split, made_by) for split in targets}
            content = builder.statistics(corpus, sizes, list(parts), made_by)
            stats_file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    log.info("documents: %s", _in_words({split: size["documents"] for split, size in sizes.items()}))
    return content


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone at the end. Its name is fixed, so that the next job clears up after a killed one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Builder:
    """What is known about a corpus while it is read: the split of every text, and the counts of every part."""

    def __init__(self, language: str, parts: Sequence[Part]):
        self.language = language
        self.parts = parts
        self.holders: dict[bytes, tuple[int, int]] = {}  # digest -> rank of its split, number of the part that gave it
        self.pairs = [[(rank, number) for number in range(len(parts))] for rank in RANK.values()]  # one object each
        self.counts = [dict.fromkeys(COUNTS, 0) for _ in parts]
        self.bad_places: list[str] = []

    def read(self, spools: Mapping[str, Spool]) -> None:
        """Read all parts into the spools, and close these."""
        with ExitStack() as opened:
            for spool in spools.values():
                opened.enter_context(closing(spool))
            for part in self.parts:
                self._read_part(part, spools)

    def _read_part(self, part: Part, spools: Mapping[str, Spool]) -> None:
        """Read one part to its end, or until ``max_documents`` are kept."""
        counts = self.counts[part.number]
        for record in sources.read(part, self.language):
            counts["read"] += 1
            fate = self._judge(record, part, spools)
            counts[fate] += 1
            if counts["read"] % LOG_EVERY == 0:
                log.info("%s: %s", part.where, _in_words(counts))
            if part.max_documents is not None and counts["kept"] >= part.max_documents:
                break
        log.info("%s (%s): %s", part.where, part.source, _in_words(counts))

    def _judge(self, record: Record | BadRecord | None, part: Part, spools: Mapping[str, Spool]) -> str:
        """Spool the record if it is kept, and say under which of ``COUNTS`` it is counted."""
        if isinstance(record, BadRecord):
            self._bad(record, part)
            return "bad_records"
        if record is None:
            return "filtered"
        if is_empty(record.text):
            return "empty"
        most = part.keep.max_characters
        if len(record.text) < part.keep.min_characters or (most is not None and len(record.text) > most):
            return "filtered"
        normalised = normalise(record.text)
        split = split_of(record, normalised, part.splits, part.seed)
        key, rank = digest(normalised), RANK[split]
        if key in self.holders:
            held_rank, held_part = self.holders[key]
            if held_rank <= rank:
                return "duplicates"
            self.counts[held_part]["kept"] -= 1  # its row is in a later split's spool, and ``finish`` drops it
            self.counts[held_part]["duplicates"] += 1
        self.holders[key] = self.pairs[rank][part.number]
        spools[split].add(record, key)
        return "kept"

    def _bad(self, record: BadRecord, part: Part) -> None:
        message = f"{record.place}: {record.problem}"
        if part.on_bad_record == "error":
            raise ValueError(
                f"{message}. Mend it, or set on_bad_record: skip in {part.where} to count such records and go on"
            )
        if len(self.bad_places) < PLACES_SHOWN:
            self.bad_places.append(message)
            log.warning("skipped %s", message)

    def refuse_empty(self, corpus: str) -> None:
        """Raise ValueError, with the counts of every part, where nothing was kept."""
        if any(counts["kept"] for counts in self.counts):
            return
        found = "; ".join(f"parts[{number}]: {_in_words(counts)}" for number, counts in enumerate(self.counts))
        first = f" First bad record: {self.bad_places[0]}." if self.bad_places else ""
        raise ValueError(
            f"corpus {corpus!r} has no text for language {self.language!r} ({found}).{first} Check the text column and "
            "the filter (keep), or take the language out of the config"
        )

    def finish(self, spool: Path, output: Path, split: str, made_by: Mapping[str, str]) -> dict[str, int]:
        """Write one split without the texts that an earlier split holds. Returns documents, bytes and characters."""
        rank = RANK[split]
        return write_split(spool, output, lambda key: self.holders[key][0] == rank, {**made_by, "split": split})

    def statistics(self, corpus: str, sizes: Mapping, parts: list, made_by: Mapping[str, str]) -> dict:
        """The content of stats.json; counts are records, ``bytes`` UTF-8 bytes of the kept text."""
        return {
            "corpus": corpus,
            "language": self.language,
            "splits": dict(sizes),
            **{name: sum(counts[name] for counts in self.counts) for name in COUNTS},
            "bad_record_places": self.bad_places,
            "parts": [{"source": part.source, **counts} for part, counts in zip(self.parts, self.counts, strict=True)],
            "settings": {"parts": parts},
            "provenance": dict(made_by),
        }


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
