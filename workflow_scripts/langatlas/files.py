"""Write files so that a reader never sees half of one; find the files that a config names."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` when the block ends without an error.

    The temporary name keeps the suffix (matplotlib and pandas choose a format by it) and carries the process id, so
    that two jobs never share one. A job killed inside the block leaves only the temporary file; the name that
    snakemake looks for is never half-written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def expanded(pattern: str, language: str, key: str) -> str:
    """A path of the config with ``{language}``, ``~`` and environment variables (``$NAME``) replaced.

    Raises ValueError for a variable that is not set, naming it and ``key``, the place in the config.
    """
    path = os.path.expandvars(os.path.expanduser(pattern))
    if unset := re.search(r"\$(\w+|\{\w+\})", path):
        name = unset[1].strip("{}")
        raise ValueError(f"{key}: the environment variable {name} of {path!r} is not set; export it")
    return path.replace("{language}", language)


def own_file(pattern: str, language: str, key: str) -> str:
    """The user's file of a language: ``expanded``, and there. Raises ValueError where it is not."""
    path = expanded(pattern, language, key)
    if not os.path.isfile(path):
        raise ValueError(
            f"{key}: no file {path} for language {language!r} (files: {pattern!r}, looked from {os.getcwd()})"
        )
    return path
