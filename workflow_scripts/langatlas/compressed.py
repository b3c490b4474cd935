"""Text that users bring: unpacked where it is compressed, named where it is something else than text."""

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

HEAD = 512  # bytes that tell what a file is: the mark of a tar archive is the farthest, at 257
# First bytes of what is no text, and what to do about it.
NO_TEXT = {
    b"PK\x03\x04": "a zip archive: unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"\x1f\x9d": "compressed by compress: unpack it with uncompress",
    b"PAR1": "a Parquet file: its source is parquet",
    b"ARROW1": "an Arrow file: write it as Parquet or as JSON lines",
    b"version https://git-lfs": "a pointer of Git LFS, not its content: run git lfs pull",
    b"\xff\xfe\x00\x00": "UTF-32: convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)",
    b"\x00\x00\xfe\xff": "UTF-32: convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)",
    b"\xff\xfe": "UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)",
}


@dataclass(frozen=True, slots=True)
class Format:
    """A compression: its first bytes, the suffix of its files, and how they are opened for reading."""

    name: str
    magic: bytes
    suffix: str
    open: Callable[[str], BinaryIO]


def _arrow(codec: str) -> Callable[[str], BinaryIO]:
    def opened(path: str) -> BinaryIO:
        import pyarrow  # the standard library has neither; who reads plain text does not wait for it

        return io.BufferedReader(pyarrow.input_stream(path, compression=codec))

    return opened


FORMATS = (
    Format("gzip", b"\x1f\x8b", ".gz", gzip.open),
    Format("bzip2", b"BZh", ".bz2", bz2.open),
    Format("xz", b"\xfd7zXZ\x00", ".xz", lzma.open),
    Format("zstd", b"\x28\xb5\x2f\xfd", ".zst", _arrow("zstd")),
    Format("lz4", b"\x04\x22\x4d\x18", ".lz4", _arrow("lz4")),
)


def compression(path: str | os.PathLike) -> Format | None:
    """How a file is compressed, by its first bytes; or, where these are no compression's, by its name."""
    with open(path, "rb") as handle:
        head = handle.read(HEAD)
    by_name = (kind for kind in FORMATS if os.fspath(path).endswith(kind.suffix))
    return next((kind for kind in FORMATS if head.startswith(kind.magic)), None) or next(by_name, None)


@contextmanager
def unpacked(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """The bytes of a text file, unpacked. Also while they are read, raises ValueError that says what is wrong: the file is
    truncated or corrupt, or is no UTF-8 text at all (an archive, UTF-16). Errors of the disk stay OSError.
    """
    kind = compression(path)
    try:
        with kind.open(os.fspath(path)) if kind else open(path, "rb") as handle:
            head = handle.peek(HEAD)
            if kind and not os.path.getsize(path):
                raise EOFError("it is empty")
            if what := no_text(head):
                raise ValueError(f"the file is {what}")
            yield handle
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if kind is None or getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"the {kind.name} file is truncated or corrupt, its rest is lost ({error})") from None


def described(path: str | os.PathLike, own: bytes) -> str | None:
    """What a binary file is that is not of its format, which begins with ``own``, and what to do; None where nobody knows."""
    with open(path, "rb") as handle:
        head = handle.read(HEAD)
    if head.startswith(own):
        return None
    return f"compressed as a whole ({kind.name}): unpack it" if (kind := compression(path)) else no_text(head)


def no_text(head: bytes) -> str | None:
    """What a file is that begins with these bytes, and what to do; None where it may be UTF-8 text."""
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it"
    if len(head) > 1 and head[:2].count(0) == 1:
        return NO_TEXT[b"\xff\xfe"]  # ASCII in two bytes a letter, without a byte order mark
    return next((what for magic, what in NO_TEXT.items() if head.startswith(magic)), None)
