"""The one loop of all measures: base first; a model that fails or is not itself again. Every kind and measure: test_grid."""

from contextlib import contextmanager

import pandas as pd
import pytest
import torch

from langatlas.intervene.clamps import Clamp
from langatlas.intervene.edits import Change, Edit
from langatlas.intervene.index import BASE, COLUMNS
from langatlas.intervene.sweep import fingerprint, hooks_of, sweep
from measuring import named, nll_rows
from tiny import random_sequences, tiny_llama

COLUMNS_OF = {"region": "core-few", "side": "top", "ratio": 0.05}
EDIT = Edit(COLUMNS_OF, [Change("model.layers.1.mlp.up_proj.weight", 0, [3])])
CLAMP = Clamp(COLUMNS_OF, "gate", {1: ([2], [0.5])})


@pytest.fixture
def model():
    return tiny_llama()


def test_the_base_is_first_and_every_intervention_has_its_rows_and_its_name(model):
    weights, hooks, asked = fingerprint(model), hooks_of(model), []

    def observe(name: str) -> pd.DataFrame:
        asked.append((name, fingerprint(model) == weights, hooks_of(model) == hooks))
        return pd.DataFrame({"item": [0, 1]})

    rows = sweep(model, {"one": EDIT, "two": CLAMP}, observe)
    assert asked == [(BASE, True, True), ("one", False, True), ("two", True, False)]
    assert rows["side"].tolist() == ["base"] * 2 + ["top"] * 4
    assert rows["item"].tolist() == [0, 1] * 3
    assert list(rows) == [*COLUMNS, "item"]
    assert (fingerprint(model), hooks_of(model)) == (weights, hooks)


def test_columns_of_a_kind_of_its_own_stand_in_every_row_and_whole_numbers_stay_whole(model):
    own = [Edit(COLUMNS_OF | {"bits": 4}, EDIT.changes), Edit(COLUMNS_OF | {"group": "g"}, EDIT.changes)]
    rows = nll_rows(model, random_sequences(2), own)
    assert rows["bits"].tolist() == [None, None, 4, 4, None, None]
    assert rows["group"].tolist() == [None, None, None, None, "g", "g"]
    assert rows["samples"].tolist() == [None] * 6


def test_a_measure_that_fails_leaves_the_model_as_it_was(model):
    weights, hooks, asked = fingerprint(model), hooks_of(model), []

    def fails(name: str):
        asked.append(fingerprint(model) == weights)
        if len(asked) == 3:
            raise ValueError("no number")
        return pd.DataFrame({"item": [0]})

    with pytest.raises(ValueError, match="no number"):
        sweep(model, named([EDIT, CLAMP]), fails)
    assert asked == [True, False, True]
    assert (fingerprint(model), hooks_of(model)) == (weights, hooks)


class Careless:
    """An intervention that leaves one of its traces."""

    kind, measured, columns = "edit", None, COLUMNS_OF

    def __init__(self, leave):
        self.leave = leave

    @contextmanager
    def applied(self, model):
        self.leave(model)
        yield


HOOKS = ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"]


@pytest.mark.parametrize("kind", HOOKS)
def test_every_kind_of_hook_that_is_left_is_told_with_its_module(model, kind):
    left = Careless(lambda model: getattr(model.model.layers[1].mlp, f"register_{kind}")(lambda *_: None))
    with pytest.raises(
        RuntimeError, match=r"hooks of model\.layers\.1\.mlp are not .* before x: region core-few, side top"
    ):
        sweep(model, {"x": left}, lambda name: pd.DataFrame({"item": [0]}))


def test_a_hook_that_is_taken_away_is_told_too(model):
    handle = model.lm_head.register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match=r"hooks of lm_head are not what they were before x"):
        sweep(model, {"x": Careless(lambda _: handle.remove())}, lambda name: pd.DataFrame({"item": [0]}))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("place", [0, 65520, 65521, 131041, 140000])
def test_the_fingerprint_sees_a_change_at_any_place_of_a_large_parameter(place, dtype):
    layer = torch.nn.Linear(140001, 1, bias=False)
    layer.weight = torch.nn.Parameter(layer.weight.data.to(dtype), requires_grad=False)
    before = fingerprint(layer)
    layer.weight.data[0, place] += 1
    assert fingerprint(layer) != before


def test_the_fingerprint_is_the_same_in_parts_and_in_one(model, monkeypatch):
    whole = fingerprint(model)
    monkeypatch.setattr("langatlas.intervene.sweep.PART", 7)
    assert fingerprint(model) == whole
    model.model.layers[1].mlp.up_proj.weight.data[-1, -1] += 1
    assert fingerprint(model) != whole
