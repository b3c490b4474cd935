"""One loop for all measures: base first; a model that is not itself again is refused by the name of the intervention."""

from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from langatlas.intervene.neurons import Clamp
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from langatlas.corpora.question_files import Item
from langatlas.corpora.questions import write_task
from langatlas.intervene import sweep
from langatlas.intervene.edits import Change, Edit
from langatlas.intervene.removal import fingerprint
from langatlas.measure import generation, perplexity, questions
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.tokens import TextTokenizer, TokenShard

WEIGHT = "model.layers.1.mlp.up_proj.weight"
COLUMNS = {"region": "core-few", "side": "top", "ratio": 0.05}
EDIT = Edit(COLUMNS, [Change(WEIGHT, 0, [3])])
CLAMP = Clamp(COLUMNS, "gate", {1: ([2], [0.5])})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tokenizer and a task of one question."""
    folder = tmp_path_factory.mktemp("sweep")
    pq.write_table(pa.table({"text": ["Which is a colour? It is red."] * 4}), folder / "text.parquet")
    trained = train_tokenizer([str(folder / "text.parquet")], 270)
    save_tokenizer(trained, str(folder / "tokenizer.json"), str(folder / "tokenizer_config.json"), 64)
    item = Item("one", "Which is a colour?", ("red", "a"), 0, ("red.", "a."), ("red", "a"))
    write_task([item], "world", "texts", "en", folder / "texts.yaml", folder / "texts.jsonl")
    return folder


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=270, max_position_embeddings=64, **shape)).eval()


def by_perplexity(model, interventions, folder):
    ids, one = [np.array([1, 5, 9, 2], np.uint32)], np.ones(1, np.int32)
    return perplexity.sweep(
        model, TokenShard("text", ids, one, one, {"end_id": "2"}), interventions, batch_size=1, precision="float32"
    )


def by_generation(model, interventions, folder):
    tokenizer, prompts = TextTokenizer.load(folder), {"en": [[1, 5, 9]]}
    return generation.generate(model, tokenizer, prompts, interventions, max_new_tokens=2, precision="float32")


def by_questions(model, interventions, folder):
    tasks = questions.load_tasks([folder / "texts.yaml"], [], 0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return questions.ask(model, tokenizer, tasks, interventions, batch_size=1, precision="float32", seed=1)


every_measure = pytest.mark.parametrize("measure", [by_perplexity, by_generation, by_questions])


@every_measure
def test_every_measure_has_the_base_then_each_intervention_and_leaves_the_model_as_it_was(measure, model, folder):
    weights, hooks = fingerprint(model), sweep._hooks(model)
    rows = measure(model, [EDIT, CLAMP], folder)
    assert rows["side"].tolist() == ["base", "top", "top"]
    assert set(sweep.COLUMNS.names) <= set(rows)
    assert (fingerprint(model), sweep._hooks(model)) == (weights, hooks)


@every_measure
@pytest.mark.parametrize("intervention", [EDIT, CLAMP], ids=["edit", "clamp"])
def test_weights_that_are_not_restored_are_refused_by_name(measure, intervention, model, folder, monkeypatch):
    @contextmanager
    def careless(model, intervention):
        model.get_parameter(WEIGHT).data[3, 1] *= 1 + 2**-20
        yield

    monkeypatch.setattr(sweep, "edited", careless)
    monkeypatch.setattr(sweep, "clamped", careless)
    with pytest.raises(RuntimeError, match=r"weights were not restored after region core-few, side top, ratio 0\.05"):
        measure(model, [intervention], folder)


@every_measure
@pytest.mark.parametrize("intervention", [EDIT, CLAMP], ids=["edit", "clamp"])
def test_a_hook_that_is_left_is_refused_by_name(measure, intervention, model, folder, monkeypatch):
    @contextmanager
    def careless(model, intervention):
        model.model.layers[1].mlp.register_forward_pre_hook(lambda module, inputs: None)
        yield

    monkeypatch.setattr(sweep, "edited", careless)
    monkeypatch.setattr(sweep, "clamped", careless)
    with pytest.raises(RuntimeError, match=r"hooks of model\.layers\.1\.mlp are not what they were .* region core-few"):
        measure(model, [intervention], folder)


def test_a_measure_that_fails_leaves_the_model_as_it_was(model):
    weights, hooks, asked = fingerprint(model), sweep._hooks(model), []

    def fails():
        asked.append(fingerprint(model) == weights)
        if len(asked) == 3:
            raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        list(sweep.sweep(model, [EDIT, CLAMP], fails))
    assert asked == [True, False, True]
    assert (fingerprint(model), sweep._hooks(model)) == (weights, hooks)


@pytest.mark.parametrize("place", [0, 65520, 65521, 131041, 140000])
def test_the_fingerprint_sees_a_change_at_any_place_of_a_large_parameter(place):
    layer = torch.nn.Linear(140001, 1, bias=False)
    before = fingerprint(layer)
    layer.weight.data[0, place] += 1
    assert fingerprint(layer) != before
