"""The user's own questions with choices, from JSON or JSON lines."""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase as LETTERS


@dataclass(frozen=True, slots=True)
class Item:
    """One question. ``sentences``: for each choice the sentence that it makes, ``elsewhere`` of another subject; or empty."""

    id: str
    text: str
    choices: tuple[str, ...]
    gold: int
    sentences: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def read_items(path: str | os.PathLike, count: int | None, seed: int) -> list[Item]:
    """``count`` questions (None: all; else drawn at random, in the file's order) of a JSON or JSONL file.

    A record holds ``question``, ``choices`` (at least two) and ``answer`` (a place from 0, or a letter), and perhaps ``id``.
    Raises ValueError naming the file, the record and what is wrong with it.
    """
    items = [_item(record, f"{path}, record {number}", number) for number, record in enumerate(_records(path), 1)]
    if not items:
        raise ValueError(f"{path}: no questions in it")
    if count is None or count >= len(items):
        return items
    return [items[place] for place in sorted(random.Random(seed).sample(range(len(items)), count))]


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
        raise ValueError(
            f"{where}: answer must be a place from 0 to {len(choices) - 1} or a letter of {allowed}, got {answer!r}"
        )
    return Item(str(record.get("id", number)), str(record["question"]).strip(), tuple(map(str, choices)), gold)
