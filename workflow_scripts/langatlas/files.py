"""Write files so that a reader never sees half of one; find the files that a config names."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Files of a checkpoint that numbers depend on; its generation_config.json is none of them.
CHECKPOINT_FILES = (
    *("config.json", "*.safetensors", "model.safetensors.index.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
)


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` when the block ends without an error.

    The temporary name keeps the suffix (matplotlib and pandas choose a format by it) and carries host and process id, so
    that two jobs never share one, on a shared file system neither. A job killed inside the block leaves only the temporary
    file, which the next writer of ``path`` removes; the name that snakemake looks for is never half-written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.stem}.{_host()}-{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed writers of ``path`` left behind.

    One job at a time writes a file: Snakemake sees to it within a run and, by its lock, between runs. So only a process that
    lives on this machine keeps its file. Of another machine nothing can be asked; were a writer alive there against all
    rules (a node that was given up and came back), its rename would fail, and no file would be mixed of two.
    """
    name = re.compile(rf"\.{re.escape(path.stem)}\.(?:([A-Za-z0-9-]+)-)?(\d+)\.partial{re.escape(path.suffix)}")
    for entry in os.listdir(path.parent):
        if (found := name.fullmatch(entry)) and not (found[1] == _host() and _lives(int(found[2]))):
            (path.parent / entry).unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def with_home(pattern: str, key: str) -> str:
    """A path of the config with ``~`` and environment variables (``$NAME``) replaced.

    Raises ValueError for a variable that is not set, naming it and ``key``, the place in the config.
    """
    path = os.path.expandvars(os.path.expanduser(pattern))
    if unset := re.search(r"\$(\w+|\{\w+\})", path):
        name = unset[1].strip("{}")
        raise ValueError(f"{key}: the environment variable {name} of {path!r} is not set; export it")
    return path


def expanded(pattern: str, language: str, key: str) -> str:
    """``with_home``, and ``{language}`` replaced."""
    return with_home(pattern, key).replace("{language}", language)


def checkpoint_source(path: str, model: str) -> str:
    """``path`` of a checkpoint: an absolute folder where there is one of that name, else the Hub id as it is written.

    Raises ValueError as ``with_home`` does, and for a path that can only be a folder and is none.
    """
    key = f"checkpoints.{model}.path"
    source = with_home(path, key)
    if os.path.isdir(source):
        return os.path.abspath(source)
    if source != path or os.path.isabs(source) or source.startswith(".") or source.count("/") > 1:
        raise ValueError(f"{key}: no folder {source} (working directory {os.getcwd()}); a Hub id is OWNER/NAME")
    return source


def own_file(pattern: str, language: str, key: str) -> str:
    """The user's file of a language: ``expanded``, and there. Raises ValueError where it is not."""
    path = expanded(pattern, language, key)
    if not os.path.isfile(path):
        raise ValueError(
            f"{key}: no file {path} for language {language!r} (files: {pattern!r}, looked from {os.getcwd()})"
        )
    return path


def checkpoint_files(source: str) -> list[str]:
    """Files of a local checkpoint folder that a rule has to track; none of a Hub id, whose revision is pinned."""
    found = {path for pattern in CHECKPOINT_FILES for path in Path(source).glob(pattern) if path.is_file()}
    return sorted(map(os.fspath, found))
