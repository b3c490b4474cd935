"""Questions with choices, from the world or the user's own files, as tasks of EleutherAI's lm-evaluation-harness. No torch.

Four ways to answer: ``letters`` (as published for MMLU: the choices stand in the prompt, ' A', ' B', ... are scored),
``texts`` (the choice itself is scored after the question), ``sentences`` (the whole sentence that a choice makes of the
fact is scored, without any question; the world only), ``priors`` (the control of sentences: the same of another subject, of
which no choice is true; right is what would be right of the fact). The harness scores each by its summed log-likelihood.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase as LETTERS

import yaml

from langatlas.corpora.question_files import Item
from langatlas.corpora.world.exam import exam
from langatlas.files import atomic

WHOLE = ("sentences", "priors")  # ways in which nothing stands before what is scored
PREFIX = "langatlas"
UNSPACED = {"ja", "km", "lo", "my", "th", "zh"}  # written without spaces: none between a question and its answer either


def world_items(language: str, count: int | None, seed: int) -> list[Item]:
    """The world's questions in one language; ids are the facts', the same in every language."""
    return [Item(q.fact, q.text, q.choices, q.gold, q.sentences, q.elsewhere) for q in exam(language, count, seed)]


def document(item: Item, answers: str) -> dict:
    """What the harness reads for one question: prompt, the continuations to score, the place of the right one."""
    if answers == "letters":
        listed = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, item.choices, strict=False))
        prompt, scored = f"{item.text}{listed}\nAnswer:", list(LETTERS[: len(item.choices)])
    elif answers == "texts":
        prompt, scored = item.text, list(item.choices)
    else:
        prompt, scored = "", list(item.sentences if answers == "sentences" else item.elsewhere)
    return {"id": item.id, "prompt": prompt, "choices": scored, "gold": item.gold}


def task_name(source: str, answers: str, language: str) -> str:
    """Name of a local task in the harness: ``source`` is world or files."""
    return f"{PREFIX}_{source}_{answers}_{language}"


def task_parts(name: str) -> tuple[str, str, str] | None:
    """Source, answers and language of a local task; None for a task of the harness's own."""
    parts = name.split("_", 3)
    return tuple(parts[1:]) if parts[0] == PREFIX and len(parts) == 4 else None


def write_task(
    items: Sequence[Item], source: str, answers: str, language: str, task: str | Path, data: str | Path
) -> None:
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
        "target_delimiter": "" if answers in WHOLE or (answers == "texts" and language in UNSPACED) else " ",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    with atomic(task) as path:
        Path(path).write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False), encoding="utf-8")
