"""Greedy texts and the numbers about them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from families import CONFIGS, tiny_family
from langatlas.intervene.edits import Change, Edit
from langatlas.intervene.sweep import sweep
from langatlas.measure import generation
from langatlas.models.adapters import adapter_for
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.present.detected import in_language
from langatlas.present.tables.generation import build, wide
from langatlas.tokens import TextTokenizer
from measuring import named
from tiny import VOCABULARY, random_sequences, tiny_llama

PROMPTS = [[1, 5, 9], [1, 7], [1, 8, 2], [1, 3, 3, 4]]
END = 2


def by_hand(model, prompt, length, end):
    """Argmax one token at a time, the whole text read anew, without any cache."""
    ids = list(prompt)
    for _ in range(length):
        with torch.no_grad():
            following = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        if following == end:
            break
        ids.append(following)
    return ids[len(prompt) :]


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_greedy_is_the_argmax_step_by_step_for_prompts_of_any_lengths(batch_size):
    model = tiny_llama(seed=4)
    end = by_hand(model, PROMPTS[0], 9, None)[3]
    found = generation.greedy(model, PROMPTS, 9, end, "float32", batch_size)
    assert found == [by_hand(model, prompt, 9, end) for prompt in PROMPTS]
    assert len({len(text) for text in found}) > 1, "they must end at different times"


@pytest.mark.parametrize("family", list(CONFIGS))
def test_a_text_is_the_same_alone_and_beside_longer_ones_in_every_family(family):
    model = tiny_family(family, tie_word_embeddings=False)  # tied, a random model says the same word again and again
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and not name.startswith(adapter_for(family).blocks):
            parameter.data.zero_()  # likewise
    prompts = [list(map(int, ids)) for ids in random_sequences(8, seed=3, longest=16)]
    assert len(set(map(len, prompts))) > 4
    expected = [by_hand(model, prompt, 6, END) for prompt in prompts]
    assert generation.greedy(model, prompts, 6, END, "float32", 8) == expected
    assert len({tuple(text) for text in expected}) > 3, "they must say different things"


def test_repetition_and_replacement_by_hand():
    assert generation.repetition_rate([1, 2, 3, 1, 2, 3, 1, 2]) == pytest.approx(1 - 3 / 6)
    assert generation.repetition_rate([4, 4, 4, 4, 4]) == pytest.approx(2 / 3)
    assert generation.repetition_rate([1, 2]) == 0
    assert generation.replacement_rate("ab\ufffd\ufffd") == 0.5
    assert generation.replacement_rate("") == 0


def test_languages_are_told_apart_and_nothing_is_said_of_too_little():
    identifier = generation.LanguageIdentifier(["ru", "en", "zh", "xx_law"])
    assert identifier.identify("Столица Франции — город Париж.")[0] == "ru"
    assert identifier.identify("The capital of France is the city of Paris.")[0] == "en"
    assert identifier.identify("法国的首都是巴黎，这是一个城市。")[0] == "zh"
    assert identifier.identify("12 .")[0] is None
    assert identifier.identify("\ufffd\ufffd\ufffd")[0] is None


@pytest.mark.parametrize("labels", [["law", "code"], ["law", "en"], []])
def test_where_fewer_than_two_labels_are_known_no_language_is_said(labels):
    identifier = generation.LanguageIdentifier(labels)
    assert identifier.known == []
    assert identifier.identify("The capital of France is the city of Paris.")[0] is None


@pytest.fixture
def tokenizer(tmp_path):
    pq.write_table(pa.table({"text": ["Привет, мир", "hello world"] * 4}), tmp_path / "text.parquet")
    trained = train_tokenizer([str(tmp_path / "text.parquet")], 260)
    save_tokenizer(trained, str(tmp_path / "tokenizer.json"), str(tmp_path / "tokenizer_config.json"), 32)
    return TextTokenizer.load(tmp_path)


def test_rows_hold_every_intervention_and_prompt_and_the_model_is_itself_again(tokenizer):
    model = tiny_llama(seed=4)
    before = {name: p.clone() for name, p in model.named_parameters()}
    columns = {"side": "top", "region": "core", "ratio": 0.03, "edit": "remove"}
    every = list(range(VOCABULARY))
    silence = Edit(
        columns, [Change("lm_head.weight", 0, every)]
    )  # all logits 0: the first token, id 0, again and again
    settings = {"max_new_tokens": 6, "batch_size": 4, "precision": "float32", "labels": ["en", "ru"]}
    made = {
        language: sweep(model, named([silence]), generation.writing(model, tokenizer, prompts, **settings))
        for language, prompts in {"en": PROMPTS[:2], "ru": PROMPTS[2:]}.items()
    }
    rows = pd.concat(frame.assign(language=language) for language, frame in made.items())
    assert len(rows) == 2 * 4
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    edited = rows[rows["side"] == "top"]
    assert (edited["n_tokens"] == 6).all()
    assert np.allclose(edited["repetition_rate"], 3 / 4)
    table = build(rows.assign(model="m", experiment="e"))
    assert table.loc[table["side"] == "base", "same_as_base"].all()
    parts = wide(table)
    numbers = parts["m, e: numbers over all languages"]
    assert numbers["Removed"].tolist() == ["nothing", "core 3 %, top"]
    assert numbers["Repetition"].iloc[1] == pytest.approx(0.75)
    assert any("Russian" in heading for heading in parts)
    assert set(rows["detectable"]) == {"en ru"}


def test_the_share_in_its_own_language_leaves_out_labels_that_cannot_be_told():
    rows = pd.DataFrame(
        {"language": ["en", "en", "law", "ru"], "detected": ["en", None, None, "en"], "detectable": ["en ru"] * 4}
    )
    assert in_language(rows, rows["language"]).tolist()[:2] == [1.0, 0.0]
    assert in_language(rows, rows["language"]).mean() == pytest.approx(1 / 3)
    assert in_language(rows.assign(detectable=""), "en").isna().all()


def test_a_prompt_is_the_beginning_of_a_sequence_and_never_all_of_it():
    assert generation.prompt_of(np.array([0, 5, 6, 7, 1]), 3) == [0, 5, 6]
    assert generation.prompt_of(np.array([0, 5, 1]), 9) == [0, 5]


def test_texts_are_compared_with_the_base_of_their_own_prompt():
    common = {"model": "m", "experiment": "e", "language": "en", "n_tokens": 3, "repetition_rate": 0.0}
    common |= {
        "replacement_rate": 0.0,
        "detected": "en",
        "detected_probability": 0.9,
        "detectable": "en ru",
        "prompt": "p",
    }
    texts = [("base", 0, "a"), ("base", 1, "b"), ("top", 0, "a"), ("top", 1, "a")]
    frame = pd.DataFrame([common | {"side": s, "prompt_number": n, "text": t} for s, n, t in texts])
    for name in (
        "region",
        "region_language",
        "scope",
        "samples",
        "seed",
        "ratio",
        "edit",
        "setting",
        "target",
        "lines",
        "amount",
    ):
        frame[name] = None
    assert build(frame)["same_as_base"].tolist() == [True, True, True, False]
