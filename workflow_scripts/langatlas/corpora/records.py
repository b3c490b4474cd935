"""What every source of text yields, and how two texts are judged to be the same."""

import hashlib
import unicodedata
from dataclasses import dataclass

SPLITS = ("test", "locate", "pretrain")  # by rank: a text that is in several splits stays in the first of them


@dataclass(frozen=True, slots=True)
class Record:
    """One document of one language.

    ``split`` is None where the split is to be chosen by hash: of ``parallel_id`` if there is one (so that translations
    of one another land in the same split in every language), else of the normalised text.
    """

    text: str
    source: str
    id: str
    parallel_id: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be used: where it stands (file and line or row), and what is wrong with it."""

    place: str
    problem: str


def normalise(text: str) -> str:
    """The form in which texts are compared: NFC, case folded, every run of whitespace one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def digest(normalised: str) -> bytes:
    """16 bytes that stand for a normalised text (a collision among 10^9 texts has a chance of about 10^-21)."""
    return hashlib.blake2b(normalised.encode(), digest_size=16).digest()


def is_empty(text: str) -> bool:
    r"""Nothing, whitespace only, or the two characters ``\n``, which the published corpora hold for an empty line."""
    return text.strip() in ("", r"\n")
