import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import BatchSampler, DistributedSampler

from langatlas import region
from langatlas.intervene.index import COLUMNS
from langatlas.intervene.removal import open_regions, zeroed
from langatlas.intervene.sweep import fingerprint
from langatlas.measure.job import write_rows
from langatlas.measure.perplexity import SCHEMA
from langatlas.models.nll import pad, token_nll
from langatlas.present.tables.perplexity import build as tabulate_perplexity
from langatlas.region import Region
from measuring import nll_rows, removal_of
from synthetic import TYPES
from tiny import random_sequences, tiny_llama

ARROW = {"str": "string", "Int64": "int64", "int64": "int64", "float64": "double"}


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
    rows = nll_rows(model, sequences, [removal_of(path)], batch_size=4)
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


END, LENGTH = 22, 16  # id of the end mark, and the length to which the released evaluation pads with it


def released_batch(sequences, chosen: list[int]) -> dict[str, torch.Tensor]:
    """Inputs of the released evaluation: end marks as padding, which no label and, but for the first, no mask knows."""
    inputs = torch.full((len(chosen), LENGTH), END)
    labels = torch.full_like(inputs, -100)
    for row, number in enumerate(chosen):
        ids = torch.from_numpy(sequences[number].astype(np.int64))
        inputs[row, : len(ids)] = labels[row, : len(ids)] = ids
    attended = inputs != END
    for row in attended:
        if not row.all():
            row[row.int().argmin()] = True
    return {"input_ids": inputs, "attention_mask": attended.long(), "labels": labels}


@torch.inference_mode()
def released_perplexity(model, sequences, processes: int) -> float:
    """The released evaluation, written here anew: Hugging Face's loss of each batch of 16, torch's sampler in each process."""
    found = []
    for rank in range(processes):
        sampler = DistributedSampler(sequences, num_replicas=processes, rank=rank)
        losses = [float(model(**released_batch(sequences, c)).loss) for c in BatchSampler(sampler, 16, drop_last=False)]
        found.append(np.exp(np.mean(losses)))
    return float(np.mean(found))


@pytest.mark.parametrize(("count", "processes"), [(22, 1), (22, 2), (37, 1), (37, 3), (40, 8), (3, 8), (2, 5), (1, 1)])
def test_the_published_perplexity_is_that_of_the_released_evaluation(tmp_path, count, processes):
    texts = random_sequences(count, seed=count, longest=LENGTH - 1)
    sequences = [np.append(ids % END, END).astype(np.uint32) for ids in texts]
    sequences[0] = sequences[0][:-1]  # cut to the sequence length: its end mark is gone
    model, name = tiny_llama(), "model.layers.1.self_attn.q_proj.weight"
    path = save_region(tmp_path / "r.safetensors", model, {name: np.ones(tuple(model.get_parameter(name).shape), bool)})
    rows = nll_rows(model, sequences, [removal_of(path)], batch_size=4)
    described = {"model": "m", "experiment": "e", "language": "ru"}
    write_rows(rows, tmp_path / "ru.parquet", SCHEMA, described, {})
    table = tabulate_perplexity([tmp_path / "ru.parquet"], resamples=100, published_processes=processes)
    base, removed = (table.loc[table["side"] == side, "perplexity_published"].item() for side in ("base", "random"))
    assert base == pytest.approx(released_perplexity(model, sequences, processes), rel=1e-6)
    with torch.no_grad():
        model.get_parameter(name).zero_()
    assert removed == pytest.approx(released_perplexity(model, sequences, processes), rel=1e-6)


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
        nll_rows(model, sequences)


def test_rows_are_written_with_the_columns_of_the_contract(tmp_path):
    rows = nll_rows(tiny_llama(), random_sequences(3))
    described = {"model": "m", "experiment": "e", "language": "ru"}
    write_rows(rows, tmp_path / "r.parquet", SCHEMA, described, {"code": "x"})
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.schema.names == ["model", "experiment", *COLUMNS, "language", *(field.name for field in SCHEMA)]
    assert {field.name: str(field.type) for field in table.schema} == {
        name: ARROW[kind] for name, kind in TYPES.items()
    }
    assert table.schema.metadata[b"code"] == b"x"
    assert table["region"].null_count == 3
    assert table["nll_nats"].to_pylist() == rows.nll_nats.tolist()
