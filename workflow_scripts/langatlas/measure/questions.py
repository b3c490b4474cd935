"""Which choice a model takes for each question, through lm-evaluation-harness.

The harness (Gao et al., EleutherAI) asks the model in memory: all tasks of a language in one call, and the
log-likelihood of every choice is kept. The choice is the one with the largest sum, the harness's `acc`.
"""

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import ascii_uppercase as LETTERS

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
import yaml

from langatlas.corpora.questions import WHOLE, task_parts
from langatlas.intervene.index import BASE
from langatlas.intervene.sweep import Observe
from langatlas.measure.job import Job
from langatlas.models import devices
from langatlas.models.gate import positions
from langatlas.tokenizer import check_vocabulary
from langatlas.tokens import TextTokenizer

SCHEMA = [
    pa.field("task", pa.string()),  # world, files, or the harness's name
    pa.field("subtask", pa.string()),  # the harness's name of the part
    pa.field("answers", pa.string()),  # null for the harness's own tasks
    pa.field("language", pa.string()),  # likewise
    pa.field("question", pa.string()),
    pa.field("gold", pa.string()),
    pa.field("chosen", pa.string()),  # null where no log-likelihood is a number
    pa.field("loglikelihoods_nats", pa.list_(pa.float64())),
    pa.field("choice_bytes", pa.list_(pa.int64())),
]


@dataclass(frozen=True)
class Tasks:
    """Tasks as the harness loads them. ``parts``: name of each -> task, answers, language as in the rows."""

    loaded: Mapping
    parts: Mapping[str, tuple[str, str | None, str | None]]

    def reset(self, seed: int) -> None:
        """Draw the same examples before each question again: the harness's generators go on from call to call."""
        for task in self.loaded["tasks"].values():
            task.set_fewshot_seed(seed)


def load_tasks(local: Sequence[str | os.PathLike], named: Sequence[str], shots: int) -> Tasks:
    """Tasks of these YAML files and these of the harness's own, with ``shots`` examples before each question.

    Raises ValueError for a name that the harness does not know, and for a task that is not multiple choice with one answer.
    """
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=bool(named))  # the harness's own index takes seconds to read
    for name in named:
        if name not in manager.all_tasks:
            near = ", ".join(difflib.get_close_matches(name, manager.all_tasks)) or "none; see `lm-eval ls tasks`"
            raise ValueError(f"questions.tasks: lm-evaluation-harness has no task {name!r}; close: {near}")
    with tempfile.TemporaryDirectory() as folder:  # not the user's cache of data sets: these are copies of small files
        found = [manager.load(_in_memory(path, folder)) for path in local]
    parts = {name: task_parts(name) for one in found for name in one["tasks"]}
    for name in named:
        found.append(manager.load(name))
        parts |= dict.fromkeys(found[-1]["tasks"], (name, None, None))
    loaded = {kind: {name: each for one in found for name, each in one[kind].items()} for kind in found[0]}
    for name, task in loaded["tasks"].items():
        _check(name, task)
        task.set_config("num_fewshot", 0 if parts[name][1] in WHOLE else shots)
    return Tasks(loaded, parts)


def _in_memory(path: str | os.PathLike, folder: str) -> dict:
    """A local task whose questions are read into memory, ``folder`` being needed only while they are read."""
    described = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    described["dataset_kwargs"] |= {"cache_dir": folder, "keep_in_memory": True}
    return described


def _check(name: str, task) -> None:
    if task.OUTPUT_TYPE != "multiple_choice":
        raise ValueError(
            f"questions.tasks: {name!r} is answered by {task.OUTPUT_TYPE}; only multiple_choice has letters"
        )
    if task.multiple_target:
        raise ValueError(f"questions.tasks: {name!r} has questions with several right answers; choose a task with one")


def prepare(model: torch.nn.Module, job: Job) -> Observe:
    """Observes the answers to all questions of a language: local tasks, and tasks of the harness by name."""
    settings, folder = job.settings, job.inputs.get("tasks")
    tasks = load_tasks([f"{folder}/{task}.yaml" for task in settings["local"]], settings["named"], settings["shots"])
    tokenizer = TextTokenizer.load(Path(job.inputs["tokenizer"][0]).parent).for_harness()
    return asking(model, tokenizer, tasks, settings["batch_size"], job.precision, settings["seed"])


def metadata(model: torch.nn.Module) -> dict[str, str]:
    """The harness's version: its tasks may change with it."""
    return {"lm_eval": version("lm_eval")}


def asking(model: torch.nn.Module, tokenizer, tasks: Tasks, batch_size: int, precision: str, seed: int) -> Observe:
    """Observes every question, one row each.

    ``tokenizer``: of transformers, as ``TextTokenizer.for_harness`` makes it. ``seed`` draws the examples, the same under
    every intervention. Raises ValueError when a log-likelihood of the unchanged model is not finite, or a question holds a token
    that the model has no embedding of.
    """
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    precision = devices.resolve_precision(precision, next(model.parameters()).device)
    asked = HFLM(
        pretrained=model,
        tokenizer=tokenizer,
        batch_size=batch_size,
        max_length=positions(model.config),
        softmax_dtype=torch.float32,
        mixed_precision_dtype=None if precision == "float32" else precision,
    )
    encode, embedded = asked.tok_encode, model.get_input_embeddings().num_embeddings

    def encoded(text: str, *arguments, **more) -> list[int]:
        ids = encode(text, *arguments, **more)
        check_vocabulary(embedded, max(ids, default=-1), f"the question {text[:40]!r}...")
        return ids

    asked.tok_encode = encoded

    def observe(intervention: str) -> pd.DataFrame:
        tasks.reset(seed)
        samples = evaluate(lm=asked, task_dict=tasks.loaded, bootstrap_iters=0)["samples"]
        frame = pd.DataFrame(row for name, many in samples.items() for row in _rows(name, many, tasks))
        if intervention == BASE and frame["chosen"].isna().any():
            wrong = frame[frame["chosen"].isna()].iloc[0]
            raise ValueError(
                f"{wrong['subtask']}: question {wrong['question']} has no finite log-likelihood before any change"
            )
        return frame

    return observe


def _rows(name: str, samples: Sequence[Mapping], tasks: Tasks) -> Iterator[dict]:
    task, (source, answers, language) = tasks.loaded["tasks"][name], tasks.parts[name]
    for sample in samples:
        choices = task.doc_to_choice(sample["doc"])
        found = np.array([float(answer[0]) for answer in sample["filtered_resps"]][: len(choices)])
        yield {
            "task": source,
            "subtask": name,
            "answers": answers,
            "language": language,
            "question": str(sample["doc"].get("id", sample["doc_id"])),
            "gold": LETTERS[_gold(task, sample["doc"], choices)],
            "chosen": LETTERS[int(np.argmax(found))] if np.isfinite(found).all() else None,
            "loglikelihoods_nats": found.tolist(),
            "choice_bytes": [len(choice.encode()) for choice in choices],
        }


def _gold(task, doc: Mapping, choices: Sequence[str]) -> int:
    """Place of the right choice, which tasks give as a number or as the text of the choice."""
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    return choices.index(gold) if isinstance(gold, str) else int(gold)
