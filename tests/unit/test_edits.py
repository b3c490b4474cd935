"""Edits of lines, dimensions and parameters: chosen as defined, made and undone exactly."""

import numpy as np
import pandas as pd
import pytest
import torch

from langatlas.intervene import index
from langatlas.intervene.edits import Change, Edit, edited
from langatlas.intervene.lines import line_edits
from langatlas.intervene.perturbation import dimension_edits, outlier_order, parameter_edits
from langatlas.locate import lines
from langatlas.locate.outliers import residual_extremes
from langatlas.models.nll import pad
from langatlas.region import Region, save
from measuring import nll_rows
from tiny import random_sequences, tiny_llama

AXES = {"attn.o": "head", "attn.q": "head", "attn.k": "head", "mlp.down": "residual"}


@pytest.fixture
def model():
    return tiny_llama()


@pytest.fixture
def region(model, tmp_path):
    generator = np.random.default_rng(3)
    masks = {n: generator.random(tuple(p.shape)) < 0.3 for n, p in model.named_parameters() if "layers" in n}
    metadata = {
        "region": "core", "scope": "matrix", "samples": "9", "ratio": "0.3", "side": "top", "seed": "",
        "model_type": "llama", "model": "tiny", "model_hash": "h",
    }  # fmt: skip
    save(tmp_path / "region.safetensors", masks, metadata)
    return Region.open(tmp_path / "region.safetensors")


def state(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_lines_of_an_axis_are_what_the_storage_says(region):
    """q is stored (head, residual), o (residual, head), gate (ffn, residual), down (residual, ffn)."""
    by_module = {place.module: place for place in region.matrices() if place.layer == 0}
    assert {m: len(region.line_counts(by_module[m], "residual")) for m in by_module} == dict.fromkeys(by_module, 8)
    assert len(region.line_counts(by_module["attn.k"], "head")) == 4  # one of two heads: grouped-query attention
    assert len(region.line_counts(by_module["mlp.down"], "ffn")) == 12
    mask = region.mask(by_module["attn.o"].name)
    assert region.line_counts(by_module["attn.o"], "head").tolist() == [mask[:, j].sum() for j in range(8)]
    with pytest.raises(ValueError, match=r"attn\.q has no axis 'ffn'; it has head and residual"):
        region.line_counts(by_module["attn.q"], "ffn")


def test_top_middle_bottom_and_random_lines():
    counts = np.array([5, 1, 9, 5, 0, 7])
    assert lines.choose(counts, 2, "top").tolist() == [2, 5]
    assert lines.choose(counts, 3, "top").tolist() == [0, 2, 5]  # of the two fives the first
    assert lines.choose(counts, 2, "bottom").tolist() == [1, 4]
    assert lines.choose(counts, 2, "middle").tolist() == [0, 3]
    few, many = (set(lines.choose(counts, n, "random-4", "m").tolist()) for n in (2, 4))
    assert few < many
    assert lines.choose(counts, 4, "random-4", "m").tolist() == sorted(many)
    assert any(lines.choose(counts, 2, f"random-{s}", "m").tolist() != sorted(few) for s in range(5))
    with pytest.raises(ValueError, match="cannot choose 7 of 6 lines"):
        lines.choose(counts, 7, "top")


def test_line_edits_of_each_matrix_by_brute_force(region):
    (edit,) = line_edits(region, {"s": AXES}, [2], ["top"], "matrix")
    assert len(edit.changes) == 4 * 2
    for change in edit.changes:
        mask = region.mask(change.parameter)
        counts = [mask.take(i, axis=change.dimension).sum() for i in range(mask.shape[change.dimension])]
        assert change.indices == sorted(sorted(range(len(counts)), key=lambda i: (-counts[i], i))[:2])
        assert change.dimension == {"q": 0, "k": 0, "o": 1, "d": 0}[change.parameter.split(".")[4][0]]
    assert edit.columns["lines"] == 2
    assert edit.columns["edit"] == "lines"


@pytest.mark.parametrize("share", ["layer", "global"])
def test_shared_lines_are_those_of_the_added_counts_where_the_number_of_lines_is_equal(region, share):
    (edit,) = line_edits(region, {"s": AXES}, [3], ["top"], share)
    chosen = {change.parameter: change.indices for change in edit.changes}
    q, o, k = (f"model.layers.1.self_attn.{m}_proj.weight" for m in "qok")
    assert chosen[q] == chosen[o]
    layers = [1] if share == "layer" else [0, 1]
    masks = [
        region.mask(q.replace("1", str(i), 1)).sum(1) + region.mask(o.replace("1", str(i), 1)).sum(0) for i in layers
    ]
    total = sum(masks)
    assert chosen[q] == sorted(sorted(range(8), key=lambda i: (-total[i], i))[:3])
    assert (chosen[k] == chosen[k.replace("1", "0", 1)]) or share == "layer"
    assert max(chosen[k]) < 4


def test_an_edit_is_made_and_undone_bit_for_bit_even_after_an_error(model):
    before = state(model)
    name, vector = "model.layers.0.mlp.down_proj.weight", "model.layers.1.input_layernorm.weight"
    edit = Edit(
        {}, [Change(name, 1, [0, 5]), Change(name, 0, [2], "multiply", 3.0), Change(vector, 0, [4], "set", 1.5)]
    )
    with edited(model, edit) as count:
        now = dict(model.named_parameters())
        expected = before[name].clone()
        expected[:, [0, 5]] = 0
        expected[2] *= 3
        assert torch.equal(now[name], expected)
        assert now[vector][4].item() == 1.5
        assert count == 2 * 8 + 12 + 1
    assert same(before, state(model))
    with (
        pytest.raises(ValueError, match="has 12 lines along dimension 1"),
        edited(model, Edit({}, [*edit.changes, Change(name, 1, [12])])),
    ):
        pass
    assert same(before, state(model))


def test_edits_round_trip_and_are_refused_for_another_model(tmp_path):
    edits = [Edit({"side": "top", "lines": 2, "target": "índice 猫"}, [Change("a.weight", 1, [3, 4], "multiply", 4.0)])]
    index.write(edits, tmp_path / "e.json", model="m", model_hash="h", metadata={"code": "c"})
    assert index.read(tmp_path / "e.json", "h") == {"edit-0001": edits[0]}
    with pytest.raises(ValueError, match="interventions of model m"):
        index.read(tmp_path / "e.json", "other")
    (tmp_path / "e.json").write_text('{"format": ')
    with pytest.raises(ValueError, match="not readable as JSON"):
        index.read(tmp_path / "e.json", "h")


def test_extremes_of_the_residual_stream_equal_the_hidden_states(model):
    sequences = random_sequences(7)
    found = residual_extremes(model, sequences, batch_size=3, precision="float32")
    hidden = []
    hooks = [
        b.register_forward_hook(lambda m, i, o: hidden[-1].append(o[0] if isinstance(o, tuple) else o))
        for b in model.model.layers
    ]
    for ids in sequences:
        hidden.append([])
        with torch.no_grad():
            model(pad([ids], [0]).input_ids_BT)
    for hook in hooks:
        hook.remove()
    for layer in range(2):
        every = torch.cat([h[layer][0] for h in hidden]).abs()
        later = torch.cat([h[layer][0, 1:] for h in hidden]).abs()
        part = found[found["layer"] == layer]
        np.testing.assert_allclose(part["max_abs"], every.amax(0).numpy(), rtol=1e-5)
        np.testing.assert_allclose(part["max_abs_later"], later.amax(0).numpy(), rtol=1e-5)
        np.testing.assert_allclose(part["mean_abs"], every.mean(0).numpy(), rtol=1e-5)


def test_a_dimension_is_cut_from_every_matrix_so_that_nothing_reads_or_writes_it(model, region):
    extremes = pd.DataFrame({"layer": [0, 0, 1, 1], "dimension": [0, 3, 0, 3], "max_abs": [1.0, 5.0, 2.0, 4.0]})
    assert outlier_order(extremes).tolist() == [3, 0]
    edits = list(dimension_edits(region, [3, 0], [1]))
    assert [e.columns["target"] for e in edits if e.columns["side"] == "top"] == [
        "dimension 3",
        "dimension 0",
        "dimensions 3, 0",
    ]
    random = [e for e in edits if e.columns["side"] == "random"]
    assert [e.columns["lines"] for e in random] == [1, 2]
    assert not {0, 3} & {i for e in random for c in e.changes for i in c.indices}
    with edited(model, edits[0]):
        for name, p in model.named_parameters():
            if "layers" in name and p.ndim == 2:
                residual_is_out = "o_proj" in name or "down_proj" in name
                assert not (p[3] if residual_is_out else p[:, 3]).any()
    with pytest.raises(ValueError, match="dimension 8 is outside the residual stream of width 8"):
        list(dimension_edits(region, [8], [1]))


def test_single_parameters_with_their_controls_change_the_nll_as_a_changed_model_does(model, region):
    edits = list(parameter_edits(region, 1, "norm.input", 2, [{"set": 1.0}, {"multiply": 10}], [1, 2]))
    assert [(e.columns["edit"], e.columns["side"]) for e in edits] == [
        ("set", "top"), ("set", "random"), ("set", "random"), ("multiply", "top"), ("multiply", "random"), ("multiply", "random"),
    ]  # fmt: skip
    sequences = random_sequences(5)
    rows = nll_rows(model, sequences, edits)
    with torch.no_grad():
        model.model.layers[1].input_layernorm.weight[2] *= 10
    changed = nll_rows(model, sequences)
    measured = rows[(rows["edit"] == "multiply") & (rows["side"] == "top")]
    np.testing.assert_array_equal(measured["nll_nats"], changed["nll_nats"])
    assert set(measured["amount"]) == {10.0}
    with pytest.raises(ValueError, match=r"no parameter of module 'norm\.none' in layer 1"):
        list(parameter_edits(region, 1, "norm.none", 2, [{"set": 1.0}], []))
