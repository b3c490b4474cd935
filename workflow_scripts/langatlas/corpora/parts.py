"""One part of a corpus as the config writes it: its keys, their defaults and what is allowed."""

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from langatlas.corpora.records import SPLITS
from langatlas.corpora.splits import check_fractions
from langatlas.files import expanded

COMMON = {"source", "seed", "keep", "max_documents"}
ROWS = COMMON | {"text", "id", "parallel_id", "on_bad_record", "splits"}
KEYS = {
    "world": COMMON | {"documents"},
    "jsonl": ROWS | {"files"},
    "parquet": ROWS | {"files"},
    "huggingface": ROWS | {"path", "name", "data_files", "split", "revision"},
}
NEEDED = {"world": "documents", "jsonl": "files", "parquet": "files", "huggingface": "path"}
KEEP_KEYS = {"min_characters", "max_characters", "column", "equals"}


@dataclass(frozen=True, slots=True)
class Keep:
    """The filter of a part: lengths are characters of the NFC text; rows whose ``column`` is not ``equals`` go."""

    min_characters: int = 1
    max_characters: int | None = None
    column: str | None = None
    equals: object = None


@dataclass(frozen=True)
class Part:
    """A checked part, number ``number`` of its corpus; its strings are as in the config (see ``fill``)."""

    source: str
    number: int
    seed: int = 1
    keep: Keep = field(default_factory=Keep)
    max_documents: int | None = None
    documents: Mapping[str, int] | None = None  # of the world: documents of each split
    files: str | None = None
    path: str | None = None
    name: str | None = None
    data_files: str | list | Mapping | None = None
    split: str = "train"  # of the data set on the Hub, not ours
    revision: str | None = None
    text: str = "text"
    id: str | None = None
    parallel_id: str | None = None
    on_bad_record: str = "error"
    splits: Mapping[str, float] = field(default_factory=lambda: {"pretrain": 0.8, "locate": 0.1, "test": 0.1})

    @property
    def where(self) -> str:
        """Its place in the config, for messages."""
        return f"parts[{self.number}]"

    @cached_property
    def columns(self) -> list[str]:
        """The columns that are read, without repetition."""
        wanted = (self.text, self.id, self.parallel_id, self.keep.column)
        return list(dict.fromkeys(column for column in wanted if column is not None))

    def fill(self, key: str, language: str) -> str | None:
        """The value of ``key`` with ``{language}``, ``~`` and environment variables (``$NAME``) replaced.

        Raises ValueError for a variable that is not set.
        """
        value = getattr(self, key)
        return None if value is None else expanded(value, language, f"{self.where}.{key}")

    def local_files(self, language: str) -> list[str]:
        """Files that the glob matches for a language, sorted; none for a source that reads no local files.

        Raises ValueError where the glob matches nothing.
        """
        if self.files is None:
            return []
        pattern = self.fill("files", language)
        found = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
        if not found:
            raise ValueError(
                f"{self.where}.files: no file matches {pattern!r} for language {language!r} (looked from "
                f"{os.getcwd()}). Check the path, or take the language out of the config"
            )
        return found


def input_files(parts: Sequence[Mapping], language: str) -> list[str]:
    """All local files that a corpus reads for a language: what the workflow must watch. Raises as ``check_part``."""
    return [path for part in check_parts(parts) for path in part.local_files(language)]


def check_parts(parts: Sequence[Mapping]) -> list[Part]:
    """The checked parts of a corpus. Raises ValueError naming the part, the key, the value and what is allowed."""
    if not parts:
        raise ValueError(f"parts must list at least one source of text, got {parts!r}")
    return [check_part(values, number) for number, values in enumerate(parts)]


def check_part(values: Mapping, number: int) -> Part:
    """A part from its mapping in the config; ``number`` (from 0) names it in messages as ``parts[number]``.

    Raises ValueError naming the key, the value and what is allowed.
    """
    where = f"parts[{number}]"
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} must be a mapping with the key source, got {values!r}")
    source = values.get("source")
    if source not in KEYS:
        raise ValueError(f"{where}.source must be one of {', '.join(sorted(KEYS))}, got {source!r}")
    _refuse_unknown(values, KEYS[source], f"{where} (source: {source})")
    needed = NEEDED[source]
    if not values.get(needed):
        raise ValueError(f"{where} (source: {source}) needs the key {needed!r}")
    given = {key: value for key, value in values.items() if value is not None}
    if "documents" in given:
        given["documents"] = _check_documents(given["documents"], f"{where}.documents")
    given["keep"] = _check_keep(given.get("keep", {}), f"{where}.keep")
    part = Part(number=number, **given)
    _whole(part.seed, f"{where}.seed", least=None)
    _whole(part.max_documents, f"{where}.max_documents", least=1)
    for key in ("files", "path", "name", "split", "revision", "text", "id", "parallel_id"):
        _string(getattr(part, key), f"{where}.{key}")
    if part.on_bad_record not in ("error", "skip"):
        raise ValueError(f"{where}.on_bad_record must be error or skip, got {part.on_bad_record!r}")
    check_fractions(part.splits, f"{where}.splits")
    return part


def _check_documents(values: Mapping, where: str) -> dict[str, int]:
    """Documents of each split, in one order whatever that of the config: the world's plan follows it."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} must map splits to numbers of documents, got {values!r}")
    _refuse_unknown(values, set(SPLITS), where)
    for split, number in values.items():
        _whole(number, f"{where}.{split}", least=0)
    return {split: values[split] for split in SPLITS[::-1] if values.get(split)}


def _check_keep(values: Mapping, where: str) -> Keep:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} must be a mapping with keys of {', '.join(sorted(KEEP_KEYS))}, got {values!r}")
    _refuse_unknown(values, KEEP_KEYS, where)
    given = {key: value for key, value in values.items() if value is not None}
    if ("column" in given) != ("equals" in given):
        raise ValueError(f"{where} needs both column and equals, or neither, got {dict(given)!r}")
    keep = Keep(**given)
    _whole(keep.min_characters, f"{where}.min_characters", least=0)
    _whole(keep.max_characters, f"{where}.max_characters", least=1)
    _string(keep.column, f"{where}.column")
    if keep.max_characters is not None and keep.max_characters < keep.min_characters:
        raise ValueError(
            f"{where}.max_characters ({keep.max_characters}) is below min_characters ({keep.min_characters}): "
            "no text could be kept"
        )
    return keep


def _refuse_unknown(values: Mapping, allowed: set[str], where: str) -> None:
    elsewhere = set().union(*KEYS.values())  # a schema may fill in null for the keys of other sources
    unknown = sorted(key for key in set(values) - allowed if values[key] is not None or key not in elsewhere)
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(sorted(allowed))}")


def _whole(value: int | None, where: str, least: int | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ValueError(f"{where} must be a whole number{bound}, got {value!r}")


def _string(value: str | None, where: str) -> None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{where} must be a string, got {value!r}")
