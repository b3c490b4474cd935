"""Questions with choices: what a model answers, through the harness."""

import json
import os
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from langatlas import region
from langatlas.corpora.question_files import Item, read_items
from langatlas.corpora.questions import document, task_name, write_task
from langatlas.intervene.edits import Change, Edit
from langatlas.intervene.index import COLUMNS
from langatlas.intervene.sweep import sweep
from langatlas.measure import questions
from langatlas.measure.job import write_rows
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.models.nll import pad, token_nll
from langatlas.tokens import TextTokenizer
from measuring import named, removal_of

ITEMS = [
    Item(
        "one",
        "Which is a colour?",
        ("red", "seven", "Paris"),
        0,
        ("Red is one.", "Seven is one.", "Paris is one."),
        ("Red no.", "Seven no.", "Paris no."),
    ),
    Item("two", "2 and 3?", ("4", "5", "60"), 1, ("It is 4.", "It is 5.", "It is 60."), ("4!", "5!", "60!")),
    Item(
        "three",
        "Где Рим?",
        ("в Азии", "в Африке", "в Европе"),
        2,
        ("Рим в Азии.", "Рим в Африке.", "Рим в Европе."),
        ("В Азии.", "В Африке.", "В Европе."),
    ),
]
SETTINGS = {"batch_size": 3, "precision": "float32", "seed": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tokenizer of two words' merges and one task for each way of answering."""
    folder = tmp_path_factory.mktemp("questions")
    pd.DataFrame({"text": ["Which is a colour? It is red."] * 4}).to_parquet(folder / "text.parquet")
    trained = train_tokenizer([str(folder / "text.parquet")], 280)
    save_tokenizer(trained, str(folder / "tokenizer.json"), str(folder / "tokenizer_config.json"), 256)
    for answers in ("letters", "texts", "sentences", "priors"):
        write_task(ITEMS, "world", answers, "en", folder / f"{answers}.yaml", folder / f"{answers}.jsonl")
    return folder


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=280, max_position_embeddings=256, initializer_range=0.5, **shape)
    return LlamaForCausalLM(config).eval()


def ask(model, tokenizer, tasks, interventions, **settings):
    return sweep(model, named(interventions), questions.asking(model, tokenizer, tasks, **settings))


def tokenizer_of(folder):
    return AutoTokenizer.from_pretrained(folder)


def by_hand(model, tokenizer, prompt, scored):
    """Sum of log-probabilities of the tokens of ``scored`` behind the start mark and ``prompt``, by our own NLL."""
    before, ids = tokenizer(prompt).input_ids, tokenizer(prompt + scored).input_ids
    assert ids[: len(before)] == before
    with torch.inference_mode():
        return -float(token_nll(model, pad([np.array(ids)], [0]))[0, len(before) - 1 :].double().sum())


def test_the_log_likelihood_of_every_choice_is_that_of_our_own_nll(folder, model):
    tokenizer = tokenizer_of(folder)
    tasks = questions.load_tasks([folder / f"{a}.yaml" for a in ("letters", "texts", "sentences", "priors")], [], 0)
    rows = ask(model, tokenizer, tasks, [], **SETTINGS)
    assert len(rows) == 12
    for row in rows.itertuples():
        item = next(item for item in ITEMS if item.id == row.question)
        if row.answers == "letters":
            prompt = f"{item.text}\nA. {item.choices[0]}\nB. {item.choices[1]}\nC. {item.choices[2]}\nAnswer:"
            scored = [" A", " B", " C"]
        elif row.answers == "texts":
            prompt, scored = item.text, [f" {choice}" for choice in item.choices]
        else:
            prompt, scored = "", item.sentences if row.answers == "sentences" else item.elsewhere
        expected = [by_hand(model, tokenizer, prompt, text) for text in scored]
        np.testing.assert_allclose(row.loglikelihoods_nats, expected, rtol=1e-5)
        assert row.chosen == "ABC"[int(np.argmax(expected))]
        assert row.gold == "ABC"[item.gold]
        assert row.choice_bytes == [len(text.strip().encode()) for text in scored]


def test_the_harness_cuts_questions_by_the_positions_of_the_model_and_refuses_tokens_without_an_embedding(
    folder, model
):
    tokenizer, tasks = TextTokenizer.load(folder).for_harness(), questions.load_tasks([folder / "texts.yaml"], [], 0)
    rows = ask(model, tokenizer, tasks, [], **SETTINGS)
    expected = ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)
    pd.testing.assert_frame_equal(rows, expected)  # this tokenizer sets its start mark, and nothing behind a text
    tokenizer.model_max_length = 3  # of no account beside the model's positions
    pd.testing.assert_frame_equal(ask(model, tokenizer, tasks, [], **SETTINGS), expected)
    model.resize_token_embeddings(40)
    with pytest.raises(ValueError, match=r"the question 'Which.*holds token \d+, but the model embeds only 40"):
        ask(model, tokenizer, tasks, [], **SETTINGS)


def test_products_in_bfloat16_are_taken_by_the_harness_too(folder, model):
    """Not inside a context of ours: the harness opens one of its own for each forward pass, which would switch ours off."""
    tasks = questions.load_tasks([folder / "texts.yaml"], [], 0)
    found = [
        ask(model, tokenizer_of(folder), tasks, [], **SETTINGS | {"precision": p}) for p in ("float32", "bfloat16")
    ]
    exact, rounded = (np.concatenate(rows["loglikelihoods_nats"].to_list()) for rows in found)
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(rounded, exact, rtol=0.05)


def test_accuracy_is_that_of_the_harness(folder, model):
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    tasks = questions.load_tasks([folder / "letters.yaml", folder / "sentences.yaml"], [], 0)
    rows = ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)
    asked = HFLM(pretrained=model, tokenizer=tokenizer_of(folder), batch_size=1)
    found = evaluate(lm=asked, task_dict=tasks.loaded, bootstrap_iters=0)["results"]
    for subtask, part in rows.groupby("subtask"):
        assert (part["gold"] == part["chosen"]).mean() == pytest.approx(found[subtask]["acc,none"])
    assert rows["gold"].ne(rows["chosen"]).any()


def test_a_removed_region_changes_answers_and_is_restored_bit_for_bit(folder, model, tmp_path):
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    masks = {name: np.ones(tuple(p.shape), bool) for name, p in model.named_parameters() if ".mlp." in name}
    described = {"region": "core", "scope": "matrix", "samples": "7", "seed": "", "side": "top", "ratio": "1.0"}
    region.save(tmp_path / "r.safetensors", masks, described | {"model": "m", "model_hash": "h"})
    removed = removal_of(tmp_path / "r.safetensors", "h")
    tasks = questions.load_tasks([folder / "letters.yaml"], [], 0)
    rows = ask(model, tokenizer_of(folder), tasks, [removed], **SETTINGS)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    base, top = (rows[rows["side"] == side] for side in ("base", "top"))
    assert top[["region", "ratio", "edit"]].drop_duplicates().values.tolist() == [["core", 1.0, "remove"]]
    assert not np.allclose(np.stack(base["loglikelihoods_nats"]), np.stack(top["loglikelihoods_nats"]))
    with torch.no_grad():
        for name in masks:
            model.get_parameter(name).zero_()
    again = ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)
    assert np.array_equal(np.stack(top["loglikelihoods_nats"]), np.stack(again["loglikelihoods_nats"]))
    write_rows(
        rows, tmp_path / "rows.parquet", questions.SCHEMA, {"model": "m", "experiment": "e", "language": "en"}, {}
    )
    written = pq.read_table(tmp_path / "rows.parquet")
    names = [field.name for field in questions.SCHEMA]
    assert written.schema.names == ["model", "experiment", *COLUMNS, *names]
    assert written["language"].to_pylist() == ["en"] * 6, "the task's"


def test_a_silent_model_answers_a_every_time(folder, model):
    silence = Edit({"side": "top", "edit": "lines"}, [Change("lm_head.weight", 0, list(range(280)))])
    tasks = questions.load_tasks([folder / "letters.yaml"], [], 0)
    rows = ask(model, tokenizer_of(folder), tasks, [silence], **SETTINGS)
    silent = rows[rows["side"] == "top"]
    assert silent["chosen"].tolist() == ["A"] * 3
    tokens = len(tokenizer_of(folder)(" A", add_special_tokens=False).input_ids)
    np.testing.assert_allclose(np.stack(silent["loglikelihoods_nats"]), -tokens * np.log(280), rtol=1e-6)


def test_examples_are_the_same_under_every_intervention_and_never_the_question_itself(folder, model):
    nothing = Edit({"side": "top", "edit": "multiply"}, [Change("lm_head.weight", 0, [0], "multiply", 1.0)])
    tasks = questions.load_tasks([folder / "texts.yaml"], [], 1)
    rows = ask(model, tokenizer_of(folder), tasks, [nothing], **SETTINGS)
    found = np.stack(rows["loglikelihoods_nats"])
    assert np.array_equal(found[:3], found[3:])
    tokenizer = tokenizer_of(folder)
    for item, likelihoods in zip(ITEMS, found[:3], strict=True):
        shown = [other for other in ITEMS if other != item]
        prompts = [f"{other.text} {other.choices[other.gold]}\n\n{item.text}" for other in shown]
        expected = [[by_hand(model, tokenizer, p, f" {choice}") for choice in item.choices] for p in prompts]
        assert any(np.allclose(likelihoods, one, rtol=1e-5) for one in expected)


def test_a_model_that_gives_no_numbers_is_refused_before_any_change(folder, model):
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    tasks = questions.load_tasks([folder / "letters.yaml"], [], 0)
    with pytest.raises(ValueError, match="question one has no finite log-likelihood before any change"):
        ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)


def test_a_task_without_choices_is_refused(folder, tmp_path):
    text = (folder / "texts.yaml").read_text(encoding="utf-8")
    (tmp_path / "free.yaml").write_text(text.replace("multiple_choice", "loglikelihood"), encoding="utf-8")
    with pytest.raises(ValueError, match="is answered by loglikelihood; only multiple_choice has letters"):
        questions.load_tasks([tmp_path / "free.yaml"], [], 0)


@pytest.fixture
def mmlu(monkeypatch):
    """The harness's index of MMLU alone (all of it takes seconds to read), and MMLU with two questions of each subject."""
    import lm_eval.tasks

    folder, manager = Path(lm_eval.tasks.__file__).parent / "mmlu" / "default", lm_eval.tasks.TaskManager
    monkeypatch.setattr(
        "lm_eval.tasks.TaskManager", lambda **_: manager(include_defaults=False, include_path=str(folder))
    )

    def load(path, name, **_):
        asked = {"question": [f"{name}?", "And?"], "choices": [list("wxyz")] * 2, "answer": [1, 3]}
        shown = {"question": list("abcde"), "choices": [list("wxyz")] * 5, "answer": [0] * 5}
        return datasets.DatasetDict(
            {"test": datasets.Dataset.from_dict(asked), "dev": datasets.Dataset.from_dict(shown)}
        )

    monkeypatch.setattr(datasets, "load_dataset", load)


@pytest.mark.usefixtures("mmlu")
def test_a_group_of_the_harness_is_one_task_with_all_its_parts(folder, model):
    tasks = questions.load_tasks([], ["mmlu_other"], 2)
    rows = ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)
    assert set(rows["task"]) == {"mmlu_other"}
    assert rows["subtask"].nunique() == 13
    assert rows["gold"].tolist() == ["B", "D"] * 13
    assert rows[["answers", "language"]].isna().all(axis=None)
    row = rows[(rows["subtask"] == "mmlu_virology") & (rows["question"] == "1")].iloc[0]
    example = "\nA. w\nB. x\nC. y\nD. z\nAnswer:"
    subject = "The following are multiple choice questions (with answers) about virology.\n\n"
    prompt = f"{subject}a{example} A\n\nb{example} A\n\nAnd?{example}"
    expected = [by_hand(model, tokenizer_of(folder), prompt, f" {letter}") for letter in "ABCD"]
    np.testing.assert_allclose(row["loglikelihoods_nats"], expected, rtol=1e-5)


@pytest.mark.usefixtures("mmlu")
def test_a_task_that_the_harness_does_not_have_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match=r"no task 'mmlu_anatomi'; close: .*mmlu_anatomy"):
        questions.load_tasks([], ["mmlu_anatomi"], 0)


def test_a_task_file_holds_prompts_choices_and_places(folder):
    written = [json.loads(line) for line in (folder / "letters.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written[1] == {
        "id": "two",
        "prompt": "2 and 3?\nA. 4\nB. 5\nC. 60\nAnswer:",
        "choices": ["A", "B", "C"],
        "gold": 1,
    }
    assert document(ITEMS[0], "texts")["prompt"] == "Which is a colour?"
    assert task_name("files", "texts", "xx_law").split("_", 3)[-1] == "xx_law"


def test_real_exams_are_read_and_asked(folder, model, tmp_path):
    exams = os.environ.get("LANGATLAS_EXAMS")
    files = sorted(Path(exams).glob("exams.*.jsonl")) if exams else []
    if not files:
        pytest.skip("set LANGATLAS_EXAMS to a folder with exams.{language}.jsonl (question, choices, answer)")
    for path in files:
        language = path.name.split(".")[1]
        items = read_items(path, None, 1)
        assert len(items) > 100
        assert len({item.gold for item in items}) == max(len(item.choices) for item in items)
        task = tmp_path / f"{language}.yaml"
        write_task(items[:3], "files", "letters", language, task, task.with_suffix(".jsonl"))
    tasks = questions.load_tasks(sorted(tmp_path.glob("*.yaml")), [], 0)
    model.config.max_position_embeddings = 2048
    rows = ask(model, tokenizer_of(folder), tasks, [], **SETTINGS)
    assert len(rows) == 3 * len(files)
    assert set(rows["task"]) == {"files"}
