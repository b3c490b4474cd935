"""Swap: other tensors in the model's place, and the model's own back; what a variant holds; what does not fit is refused."""

import gc
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import grid as grids
from grid import new_model, saved
from langatlas.intervene import swap
from langatlas.intervene.swap import Swap, choose, write_variant
from langatlas.intervene.sweep import fingerprint
from langatlas.measure import perplexity
from langatlas.measure.job import Job
from langatlas.models import checkpoint
from measuring import nll_rows
from tiny import random_sequences

pytestmark = pytest.mark.usefixtures("one_thread")
SEQUENCES = random_sequences(5)
NORM, DOWN = "model.norm.weight", "model.layers.1.mlp.down_proj.weight"


@pytest.fixture
def base(tmp_path):
    """A saved model: its manifest, and itself loaded."""
    manifest = saved(new_model(), tmp_path / "base", "base")
    return manifest, checkpoint.load(manifest, torch.device("cpu"))


def state(model) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def chosen(manifest, *paths) -> list[Swap]:
    entry = {"kind": "swap", "variants": [f"v{number}" for number in range(len(paths))]}
    return list(choose(entry, {"variants": [str(path) for path in paths]}, manifest))


def inside(model, one: Swap) -> dict[str, torch.Tensor]:
    with one.applied(model):
        return state(model)


def variant(base, folder, change) -> Swap:
    """The swap of what ``change`` made of the model."""
    manifest, _ = base
    changed = checkpoint.load(manifest, torch.device("cpu"))
    with torch.no_grad():
        change(dict(changed.named_parameters()))
    write_variant(changed, manifest, folder, {"recipe": {"why": "test"}})
    (one,) = chosen(manifest, folder / "variant.json")
    return one


def test_a_variant_holds_the_tensors_that_differ_in_one_bit_and_no_others(base, tmp_path):
    manifest, model = base
    before = state(model)

    def one_bit(parameters):
        parameters[NORM].view(torch.int32)[3] ^= 1
        parameters[DOWN][2, 5] *= -1

    one = variant(base, tmp_path / "v", one_bit)
    assert set(load_file(tmp_path / "v" / "tensors.safetensors")) == {NORM, DOWN}
    document = json.loads((tmp_path / "v" / "variant.json").read_text())
    assert document["format"] == "langatlas.variant/1"
    assert (document["base"], document["base_hash"], document["tensors"]) == (
        "base",
        manifest.hash,
        sorted([NORM, DOWN]),
    )
    assert document["recipe"] == {"why": "test"}
    with one.applied(model) as count:
        assert count == before[NORM].numel() + before[DOWN].numel()
        now = state(model)
    expected = {name: tensor.clone() for name, tensor in before.items()}
    one_bit(expected)
    assert same(now, expected)
    assert same(state(model), before)
    assert one.columns == {"side": "top", "edit": "swap", "target": "v0"}


def test_a_zero_with_another_sign_and_a_nan_are_kept_as_they_are(base, tmp_path):
    def odd(parameters):
        parameters[NORM][:2] = torch.tensor([-0.0, float("nan")])

    manifest, model = base
    model.model.norm.weight.data[0] = 0.0
    saved(model, tmp_path / "base", "base")
    manifest = checkpoint.describe(tmp_path / "base", "base", revision="1", dtype="float32")
    mark = fingerprint(model)
    now = inside(model, variant((manifest, model), tmp_path / "v", odd))[NORM]
    assert now[:2].view(torch.int32).tolist() == torch.tensor([-0.0, float("nan")]).view(torch.int32).tolist()
    assert fingerprint(model) == mark


def test_a_variant_of_the_unchanged_model_holds_and_changes_nothing(base, tmp_path):
    _, model = base
    one, before = variant(base, tmp_path / "v", lambda parameters: None), state(model)
    with one.applied(model) as count:
        assert count == 0
        assert same(state(model), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_bit_is_back_also_after_an_error_inside(base, tmp_path, dtype):
    _, model = base
    one, model = variant(base, tmp_path / "v", lambda p: [t.mul_(1.5) for t in p.values()]), model.to(dtype)
    before, mark = state(model), fingerprint(model)
    marks = []
    with pytest.raises(KeyError), one.applied(model):
        raise KeyError(marks.append(fingerprint(model)))
    assert marks != [mark]
    assert same(state(model), before)
    assert fingerprint(model) == mark


def test_the_model_s_own_tensors_lie_in_a_file_meanwhile_and_no_second_copy_in_memory(tmp_path, monkeypatch):
    """Of what is alive while the swap is in force, no storage is new but at most one tensor's."""
    model = new_model(hidden_size=64, intermediate_size=96, num_hidden_layers=6)
    manifest = saved(model, tmp_path / "base", "base")
    saved(new_model(seed=1, hidden_size=64, intermediate_size=96, num_hidden_layers=6), tmp_path / "other", "other")
    (one,) = chosen(manifest, tmp_path / "other" / "model.json")
    files, make = [], swap.tempfile.TemporaryFile
    monkeypatch.setattr(swap.tempfile, "TemporaryFile", lambda *a, **k: files.append(make(*a, **k)) or files[-1])
    total = sum(p.numel() * p.element_size() for p in model.parameters())
    largest = max(p.numel() * p.element_size() for p in model.parameters())
    before = storages()
    with one.applied(model):
        now = storages()
        (file,) = files
        assert file.seek(0, 2) == total
    assert sum(size for place, size in now.items() if place not in before) <= largest < total / 4
    assert file.closed


def storages() -> dict[int, int]:
    """Bytes of every storage that a tensor lies in, by its address."""
    gc.collect()
    found = [one.untyped_storage() for one in gc.get_objects() if type(one) in (torch.Tensor, torch.nn.Parameter)]
    return {one.data_ptr(): one.nbytes() for one in found}


def test_the_nll_under_the_swap_is_that_of_the_trained_model_itself(tmp_path):
    """The arm's last test, taken while it was trained."""
    grid = grids.make(tmp_path)
    rows = pd.read_parquet(tmp_path / "arm.parquet")
    assert rows["training_samples"].dropna().unique().tolist() == [4]
    (one,) = grid.chosen("swap of a kept arm")
    model = grid.model()
    observe = perplexity.prepare(model, Job(grid.manifest, "en", grid.inputs(), {}, 4, "float32"))
    base = observe("base")["nll_nats"]
    with one.applied(model):
        swapped = observe("swap-0001")["nll_nats"]
    np.testing.assert_array_equal(base, rows[rows["training_samples"].isna()]["nll_nats"])
    np.testing.assert_array_equal(swapped, rows[rows["training_samples"] == 4]["nll_nats"])
    assert (swapped != base).all()


def test_another_checkpoint_in_several_files_is_measured_as_it_is_itself(base, tmp_path):
    manifest, model = base
    other = new_model(seed=1)
    other.save_pretrained(tmp_path / "other", max_shard_size="4KB")
    checkpoint.describe(tmp_path / "other", "other", revision="1", dtype="float32").write(
        tmp_path / "other" / "model.json"
    )
    (tmp_path / "other" / "consolidated.safetensors").write_bytes(
        b"the same once more, which transformers does not read"
    )
    (one,) = chosen(manifest, tmp_path / "other" / "model.json")
    assert len(one.files) > 2
    swapped = nll_rows(model, SEQUENCES, [one]).query("side == 'top'")["nll_nats"]
    np.testing.assert_array_equal(swapped, nll_rows(other, SEQUENCES)["nll_nats"])


# -- refused -----------------------------------------------------------------------------------------------------------


def test_a_variant_of_another_base_and_what_is_none_are_refused_when_chosen(base, tmp_path):
    manifest, _ = base
    variant(base, tmp_path / "v", lambda parameters: None)
    path = tmp_path / "v" / "variant.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"base_hash": "old"}))
    with pytest.raises(
        ValueError, match=rf"variant.json: a variant of model base \(old\), not of base \({manifest.hash}\)"
    ):
        chosen(manifest, path)
    path.write_text(json.dumps(document | {"format": "x"}))
    with pytest.raises(ValueError, match=r"variant.json: expected langatlas.variant/1, found x"):
        chosen(manifest, path)
    saved(new_model(vocab_size=300), tmp_path / "larger", "larger")
    with pytest.raises(ValueError, match="a llama of 300 words cannot stand in the place of base, a llama of 270"):
        chosen(manifest, tmp_path / "larger" / "model.json")


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        (NORM, (9,), r"norm.weight of shape \(9,\) does not fit: the model has \(8,\)"),
        ("x", (8,), "has no such parameter"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_and_those_before_it_are_back(base, tmp_path, name, shape, told):
    _, model = base
    save_file({"lm_head.weight": torch.ones(270, 8)}, tmp_path / "1.safetensors")
    save_file({name: torch.ones(shape)}, tmp_path / "2.safetensors")
    one, mark = (
        Swap({"side": "top"}, [str(tmp_path / f"{number}.safetensors") for number in (1, 2)]),
        fingerprint(model),
    )
    with pytest.raises(ValueError, match=f"2.safetensors: .*{told}"), one.applied(model):
        pass
    assert fingerprint(model) == mark


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"rms_norm_eps": 0.1},
            r"rms_norm_eps is 0\.1, of the model that is measured 1e-06; only weights can be swapped",
        ),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, "rope_parameters is"),
        ({"num_hidden_layers": 1}, "num_hidden_layers is 1"),
    ],
)
def test_a_checkpoint_that_would_compute_otherwise_is_refused(base, tmp_path, changed, told):
    manifest, model = base
    saved(new_model(seed=1, **changed), tmp_path / "other", "other")
    (one,) = chosen(manifest, tmp_path / "other" / "model.json")
    mark = fingerprint(model)
    with pytest.raises(ValueError, match=f"other: {told}"), one.applied(model):
        pass
    assert fingerprint(model) == mark


def test_a_checkpoint_that_lacks_a_tensor_is_refused(base, tmp_path):
    manifest, model = base
    saved(new_model(seed=1), tmp_path / "other", "other")
    (one,) = chosen(manifest, tmp_path / "other" / "model.json")
    held = load_file(tmp_path / "other" / "model.safetensors")
    save_file({name: held[name] for name in held if name != DOWN}, tmp_path / "other" / "model.safetensors")
    mark = fingerprint(model)
    with (
        pytest.raises(ValueError, match=rf"other: lacks {DOWN}, which the model has \(1 of its tensors\)"),
        one.applied(model),
    ):
        pass
    assert fingerprint(model) == mark


@pytest.mark.parametrize("equal", [True, False])
def test_a_tensor_that_the_model_ties_is_swapped_once_and_refused_where_a_file_has_two(tmp_path, equal):
    model, other = (new_model(seed, tie_word_embeddings=True) for seed in (0, 1))
    manifest = saved(model, tmp_path / "base", "base")
    saved(other, tmp_path / "other", "other")
    held = load_file(tmp_path / "other" / "model.safetensors")
    held["lm_head.weight"] = held["model.embed_tokens.weight"] + (0 if equal else 1)
    save_file(held, tmp_path / "other" / "model.safetensors")
    (one,) = chosen(manifest, tmp_path / "other" / "model.json")
    before = state(model)
    if equal:
        assert same(inside(model, one), state(other))
    else:
        with (
            pytest.raises(ValueError, match="differs from another tensor to which the model ties it"),
            one.applied(model),
        ):
            pass
    assert same(state(model), before)
