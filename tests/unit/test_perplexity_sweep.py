import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from langatlas import region
from langatlas.intervene.removal import fingerprint, open_regions, zeroed
from langatlas.measure.perplexity import SCHEMA, sweep, write_rows
from langatlas.models.nll import pad, token_nll
from langatlas.region import Region
from langatlas.tokens import TokenShard
from tiny import random_sequences, tiny_llama

SETTINGS = {"batch_size": 4, "precision": "float32"}
END = 7  # id of the end mark


def shard(sequences) -> TokenShard:
    ones = np.ones(len(sequences), np.int32)
    return TokenShard("tiny.arrow", sequences, ones * 5, ones * 3, {"end_id": str(END)})


def save_region(path, model, chosen: dict[str, np.ndarray], **metadata) -> str:
    masks = {
        name: chosen.get(name, np.zeros(tuple(parameter.shape), bool))
        for name, parameter in model.named_parameters()
        if name.startswith("model.layers.")
    }
    described = {"region": "monolingual-ru", "region_language": "ru", "scope": "matrix", "samples": "7", "seed": "3"}
    described |= {
        "side": "random-3",
        "ratio": "0.05",
        "model": "tiny",
        "model_hash": "abc",
        "languages": json.dumps(["ru"]),
    }
    region.save(path, masks, described | metadata)
    return str(path)


def one_by_one(model, sequences) -> list[float]:
    with torch.inference_mode():
        return [float(token_nll(model, pad([ids], [0])).double().sum()) for ids in sequences]


def test_the_sweep_measures_what_a_model_without_these_parameters_gives(tmp_path):
    model, sequences = tiny_llama(), random_sequences(9)
    name = "model.layers.0.mlp.up_proj.weight"
    mask = np.random.default_rng(1).random(tuple(model.get_parameter(name).shape)) < 0.3
    path = save_region(tmp_path / "r.safetensors", model, {name: mask})
    rows = sweep(model, shard(sequences), open_regions([path], model, "abc"), **SETTINGS)
    base, removed = rows[rows.side == "base"], rows[rows.side == "random"]
    np.testing.assert_allclose(base.nll_nats, one_by_one(model, sequences), rtol=1e-5)
    with torch.no_grad():
        model.get_parameter(name)[torch.from_numpy(mask)] = 0.0
    np.testing.assert_allclose(removed.nll_nats, one_by_one(model, sequences), rtol=1e-5)
    assert (removed.sequence.to_numpy() == np.arange(9)).all()
    assert removed.n_tokens.tolist() == [len(ids) - 1 for ids in sequences]
    assert removed[["region", "region_language", "samples", "seed", "ratio"]].drop_duplicates().values.tolist() == [
        ["monolingual-ru", "ru", 7, 3, 0.05]
    ]


def test_what_falls_on_end_marks_is_kept_apart_wherever_they_stand():
    model = tiny_llama()
    sequences = [
        np.array(ids, np.uint32) for ids in ([END, 3, END, 5, END], [2, 3, 4], [2, END], [1, 2, 3, 4, 5, END, 9])
    ]
    rows = sweep(model, shard(sequences), [], **SETTINGS)
    with torch.inference_mode():
        losses = [token_nll(model, pad([ids], [0]))[0].double().numpy() for ids in sequences]
    expected = [losses[0][1] + losses[0][3], 0.0, losses[2][0], losses[3][4]]
    np.testing.assert_allclose(rows.nll_ends_nats, expected, rtol=1e-5)
    assert rows.n_ends.tolist() == [2, 0, 1, 1]
    with pytest.raises(ValueError, match="end_id is missing"):
        sweep(model, TokenShard("old.arrow", sequences, np.ones(4), np.ones(4), {}), [], **SETTINGS)


def fail_inside(model, opened):
    with zeroed(model, opened):
        raise RuntimeError("measuring failed")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_bit_identical_after_removal_and_after_an_error_in_it(tmp_path, dtype):
    model = tiny_llama(dtype=dtype)
    chosen = {n: np.ones(tuple(p.shape), bool) for n, p in model.named_parameters() if n.startswith("model.layers.1")}
    opened = Region.open(save_region(tmp_path / "r.safetensors", model, chosen))
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    mark = fingerprint(model)
    with zeroed(model, opened) as count:
        assert count == sum(m.size for n, m in chosen.items() if "norm" not in n)
        assert not model.model.layers[1].mlp.up_proj.weight.any()
        assert model.model.layers[1].input_layernorm.weight.all(), "norms stay, as published"
        assert fingerprint(model) != mark
    with pytest.raises(RuntimeError, match="measuring failed"):
        fail_inside(model, opened)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
    assert fingerprint(model) == mark
    with zeroed(model, opened, include_norms=True):
        assert not model.model.layers[1].input_layernorm.weight.any()


def test_the_fingerprint_sees_one_bit_and_a_swap():
    model = tiny_llama()
    mark, weight = fingerprint(model), model.model.layers[0].mlp.up_proj.weight.data
    weight.view(torch.int32)[3, 2] ^= 1
    assert fingerprint(model) != mark
    weight.view(torch.int32)[3, 2] ^= 1
    assert fingerprint(model) == mark
    weight[[0, 1]] = weight[[1, 0]]
    assert fingerprint(model) != mark


def test_a_region_of_another_model_is_refused_before_anything_is_measured(tmp_path):
    model = tiny_llama()
    path = save_region(tmp_path / "r.safetensors", model, {})
    with pytest.raises(
        ValueError, match=r"r\.safetensors: a region of model tiny \(abc\), not of the model .* \(def\)"
    ):
        open_regions([path], model, "def")
    other = save_region(tmp_path / "o.safetensors", tiny_llama(layers=3), {})
    with pytest.raises(ValueError, match=r"o\.safetensors: the model has no parameter model.layers.2"):
        open_regions([other], model, "abc")


def test_a_base_that_is_not_finite_is_refused_by_sequence():
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[5] = float("nan")
    sequences = [np.array([1, 2, 3], np.uint32), np.array([1, 5, 3], np.uint32)]
    with pytest.raises(ValueError, match=r"tiny\.arrow: the NLL of sequence 1 is not finite before any change"):
        sweep(model, shard(sequences), [], **SETTINGS)


def test_rows_are_written_with_the_columns_of_the_contract(tmp_path):
    rows = sweep(tiny_llama(), shard(random_sequences(3)), [], **SETTINGS)
    write_rows(rows, tmp_path / "r.parquet", model="m", experiment="e", language="ru", metadata={"code": "x"})
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.schema.remove_metadata().equals(SCHEMA)
    assert table.schema.metadata[b"code"] == b"x"
    assert table["region"].null_count == 3
    assert table["nll_nats"].to_pylist() == rows.nll_nats.tolist()
