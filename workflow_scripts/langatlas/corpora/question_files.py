"""The user's own questions with choices, from JSON or JSON lines."""

import os
import random
from dataclasses import dataclass
from string import ascii_uppercase as LETTERS

from langatlas.json_lines import records


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
    items = [_item(record, place, number) for number, (place, record) in enumerate(records(path), 1)]
    if not items:
        raise ValueError(f"{path}: no questions in it")
    if count is None or count >= len(items):
        return items
    return [items[place] for place in sorted(random.Random(seed).sample(range(len(items)), count))]


def _item(record: dict, where: str, number: int) -> Item:
    if missing := [key for key in ("question", "choices", "answer") if key not in record]:
        raise ValueError(f"{where}: no {', '.join(missing)}; it has {', '.join(record)}")
    choices, answer = record["choices"], record["answer"]
    if not isinstance(record["question"], str) or not record["question"].strip():
        raise ValueError(f"{where}: question must be a text, got {record['question']!r}")
    if not isinstance(choices, list) or not 2 <= len(choices) <= len(LETTERS) or not all(map(_is_choice, choices)):
        raise ValueError(f"{where}: choices must be a list of 2 to {len(LETTERS)} texts, got {choices!r}")
    allowed = LETTERS[: len(choices)]
    gold = allowed.find(answer) if isinstance(answer, str) and len(answer) == 1 else answer
    if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise ValueError(
            f"{where}: answer must be a place from 0 to {len(choices) - 1} or a letter of {allowed}, got {answer!r}"
        )
    return Item(str(record.get("id", number)), record["question"].strip(), tuple(map(str, choices)), gold)


def _is_choice(value: object) -> bool:
    """A text or a number; null, a list or an empty text would be asked as they are spelt."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and bool(str(value).strip())
