"""Questions with choices, from the world or the user's own files, as tasks of EleutherAI's lm-evaluation-harness. No torch.

Three ways to answer: ``letters`` (as published for MMLU: the choices stand in the prompt, ' A', ' B', ... are scored),
``texts`` (the choice itself is scored after the question), ``sentences`` (the whole sentence that a choice makes of the
fact is scored, without any question; the world only). The harness scores each by its summed log-likelihood.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase as LETTERS

import yaml

from langatlas.corpora.world.exam import exam
from langatlas.corpora.world.knowledge import fraction
from langatlas.files import atomic

ANSWERS = ("letters", "texts", "sentences")
PREFIX = "langatlas"
UNSPACED = {"ja", "km", "lo", "my", "th", "zh"}  # written without spaces: none between a question and its answer either


@dataclass(frozen=True, slots=True)
class Item:
    """One question. ``sentences``: for each choice the sentence that it makes, or empty."""

    id: str
    text: str
    choices: tuple[str, ...]
    gold: int
    sentences: tuple[str, ...] = ()


def world_items(language: str, count: int | None, seed: int) -> list[Item]:
    """The world's questions in one language; ids are the facts', the same in every language."""
    return [Item(q.fact, q.text, q.choices, q.gold, q.sentences) for q in exam(language, count, seed)]


def read_items(path: str | os.PathLike, count: int | None, seed: int) -> list[Item]:
    """``count`` questions (None: all; chosen by the hash of their place, in the file's order) of a JSON or JSONL file.

    A record holds ``question``, ``choices`` (at least two) and ``answer`` (a place from 0, or a letter), and perhaps ``id``.
    Raises ValueError naming the file, the record and what is wrong with it.
    """
    items = [_item(record, f"{path}, record {number}", number) for number, record in enumerate(_records(path), 1)]
    if not items:
        raise ValueError(f"{path}: no questions in it")
    if count is None or count >= len(items):
        return items
    drawn = sorted(range(len(items)), key=lambda place: fraction("question", seed, place))[:count]
    return [items[place] for place in sorted(drawn)]


def _records(path: str | os.PathLike) -> Iterator[dict]:
    text = Path(path).read_text(encoding="utf-8")
    try:
        if text.lstrip().startswith("["):
            yield from json.loads(text)
        else:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: neither JSON lines nor a JSON list ({error})") from None


def _item(record: dict, where: str, number: int) -> Item:
    if missing := [key for key in ("question", "choices", "answer") if key not in record]:
        raise ValueError(f"{where}: no {', '.join(missing)}; it has {', '.join(record)}")
    choices, answer = record["choices"], record["answer"]
    if not isinstance(choices, list) or not 2 <= len(choices) <= len(LETTERS) or not all(choices):
        raise ValueError(f"{where}: choices must be a list of 2 to {len(LETTERS)} texts, got {choices!r}")
    allowed = LETTERS[: len(choices)]
    gold = allowed.find(answer) if isinstance(answer, str) and len(answer) == 1 else answer
    if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise ValueError(f"{where}: answer must be a place from 0 to {len(choices) - 1} or a letter of {allowed}, got {answer!r}")
    return Item(str(record.get("id", number)), str(record["question"]).strip(), tuple(map(str, choices)), gold)


def document(item: Item, answers: str) -> dict:
    """What the harness reads for one question: prompt, the continuations to score, the place of the right one."""
    if answers == "letters":
        listed = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, item.choices, strict=False))
        prompt, scored = f"{item.text}{listed}\nAnswer:", list(LETTERS[: len(item.choices)])
    elif answers == "texts":
        prompt, scored = item.text, list(item.choices)
    else:
        prompt, scored = "", list(item.sentences)
    return {"id": item.id, "prompt": prompt, "choices": scored, "gold": item.gold}


def task_name(source: str, answers: str, language: str) -> str:
    """Name of a local task in the harness: ``source`` is world or files."""
    return f"{PREFIX}_{source}_{answers}_{language}"


def task_parts(name: str) -> tuple[str, str, str] | None:
    """Source, answers and language of a local task; None for a task of the harness's own."""
    parts = name.split("_", 3)
    return tuple(parts[1:]) if parts[0] == PREFIX and len(parts) == 4 else None


def write_task(items: Sequence[Item], source: str, answers: str, language: str, task: str | Path, data: str | Path) -> None:
    """Write a task (YAML) and its questions (JSON lines), which `lm_eval --include_path` can read as well."""
    with atomic(data) as path:
        lines = [json.dumps(document(item, answers), ensure_ascii=False) for item in items]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    described = {
        "task": task_name(source, answers, language),
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": os.fspath(data)}},
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "test",  # the harness leaves the question itself out
        "doc_to_text": "prompt",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "target_delimiter": "" if answers == "sentences" or (answers == "texts" and language in UNSPACED) else " ",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    with atomic(task) as path:
        Path(path).write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False), encoding="utf-8")


def questions_file(pattern: str, language: str) -> str:
    """Path of a language's own questions: ``$NAME``, ``~`` and ``{language}`` are replaced.

    Raises ValueError for a variable that is not set, and where there is no such file.
    """
    path = os.path.expandvars(os.path.expanduser(pattern)).replace("{language}", language)
    if "$" in path:
        raise ValueError(f"questions: an environment variable of {pattern!r} is not set; export it")
    if not Path(path).is_file():
        raise ValueError(f"questions: no file {path} for language {language!r} (files: {pattern!r}); take the language out")
    return path

