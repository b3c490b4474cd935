import numpy as np
import pytest
import torch

from langatlas.locate.importance import GradientSum, Progress, accumulate, importance_of_shard, samples_in_shard
from langatlas.locate.importance_files import FORMAT, add_shards
from langatlas.models.nll import batches, pad, token_nll
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences, tiny_llama

SETTINGS = {"batch_size": 3, "reduction": "corrected", "precision": "float32"}


def nll_by_hand(model, ids: np.ndarray) -> float:
    """Sum over positions of -log softmax(logits)[next token], one sequence, without padding."""
    logits = model(input_ids=torch.tensor(ids.astype(np.int64))[None]).logits[0].double()
    probabilities = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return sum(-probabilities[t, int(ids[t + 1])].log().item() for t in range(len(ids) - 1))


def test_token_nll_equals_the_formula_whatever_the_padding():
    model, sequences = tiny_llama(), random_sequences(7)
    for batch in batches(sequences, 3, by_length=True):
        with torch.inference_mode():
            rows = token_nll(model, batch).double().sum(1)
        for row, index in zip(rows, batch.index, strict=True):
            assert float(row) == pytest.approx(nll_by_hand(model, sequences[index]), rel=1e-5)


def test_batches_hold_every_sequence_once_and_count_its_predictions():
    sequences = random_sequences(10)
    for by_length in (False, True):
        found = list(batches(sequences, 4, by_length=by_length))
        assert sorted(i for batch in found for i in batch.index) == list(range(10))
        assert sum(batch.n_predicted for batch in found) == sum(len(s) - 1 for s in sequences)


def run(model, sequences, milestones, tmp_path, **changed):
    paths = [str(tmp_path / f"{m}.safetensors") for m in milestones]
    progress = importance_of_shard(model, sequences, milestones, paths, importance_metadata(), **SETTINGS | changed)
    return progress, [TensorFile(path, FORMAT) for path in paths]


def test_importance_is_theta_times_the_signed_sum_of_gradients(tmp_path):
    model, sequences = tiny_llama(), random_sequences(8)
    _, (three, eight) = run(model, sequences, [3, 8], tmp_path)
    for count, file in ((3, three), (8, eight)):
        model.zero_grad()
        for ids in sequences[:count]:  # one by one: no padding, no batches
            token_nll(model, pad([ids], [0])).sum().backward()
        for name, parameter in model.named_parameters():
            expected = (parameter * parameter.grad).detach().numpy()
            np.testing.assert_allclose(file[name], expected, rtol=2e-4, atol=1e-5)
    assert eight.metadata["samples"] == "8"
    assert float(eight.metadata["nll_nats"]) == pytest.approx(sum(nll_by_hand(model, s) for s in sequences), rel=1e-5)


def test_importance_predicts_the_change_of_the_nll_when_a_small_parameter_is_removed(tmp_path):
    """What it is for: to first order, NLL(theta_j = 0) - NLL = -theta_j g_j."""
    model, sequences = tiny_llama(), random_sequences(6)
    weight = model.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weight[2, 3] = 1e-3
    _, (file,) = run(model, sequences, [6], tmp_path)
    before = sum(nll_by_hand(model, s) for s in sequences)
    with torch.no_grad():
        weight[2, 3] = 0.0
    after = sum(nll_by_hand(model, s) for s in sequences)
    assert after - before == pytest.approx(
        -float(file["model.layers.1.mlp.down_proj.weight"][2, 3]), rel=0.05, abs=2e-6
    )


def test_published_reduction_takes_the_mean_token_nll_of_each_micro_batch(tmp_path):
    model, sequences = tiny_llama(), random_sequences(6)
    _, (file,) = run(model, sequences, [6], tmp_path, reduction="published")
    model.zero_grad()
    for start in (0, 3):
        part = sequences[start : start + 3]
        total = sum(token_nll(model, pad([ids], [0])).sum() for ids in part)
        (total / sum(len(ids) - 1 for ids in part)).backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(file[name], (parameter * parameter.grad).detach().numpy(), rtol=2e-4, atol=1e-6)


def test_gradients_of_bfloat16_weights_are_summed_in_float32(tmp_path):
    model, sequences = tiny_llama(dtype=torch.bfloat16), random_sequences(40)
    gradients = GradientSum(model)
    with gradients:
        accumulate(model, sequences, gradients, Progress(), **SETTINGS | {"batch_size": 1})
    exact = {name: torch.zeros(p.shape, dtype=torch.float64) for name, p in model.named_parameters()}
    for ids in sequences:
        token_nll(model, pad([ids], [0])).sum().backward()
        for name, parameter in model.named_parameters():
            exact[name] += parameter.grad.double()
            parameter.grad = None
    for name, total in gradients.sums.items():
        assert total.dtype == torch.float32
        np.testing.assert_allclose(total.numpy(), exact[name].numpy(), rtol=1e-5, atol=1e-4)


def test_hooks_and_gradients_are_gone_afterwards(tmp_path):
    model = tiny_llama()
    run(model, random_sequences(3), [3], tmp_path)
    assert all(p.grad is None for p in model.parameters())
    token_nll(model, pad(random_sequences(1), [0])).sum().backward()
    assert all(p.grad is not None for p in model.parameters()), "a hook that was left would have freed them"


def test_shards_add_up_to_the_whole_exactly_in_any_distribution_over_jobs(tmp_path):
    model, sequences = tiny_llama(), random_sequences(11)
    paths = []
    for shard in range(3):
        part = sequences[shard::3]
        (tmp_path / str(shard)).mkdir()
        progress, _ = run(model, part, [samples_in_shard(11, shard, 3)], tmp_path / str(shard))
        assert progress.samples == len(part)
        paths.append(str(next((tmp_path / str(shard)).iterdir())))
    add_shards(paths, str(tmp_path / "sum.safetensors"), {})
    whole = TensorFile(tmp_path / "sum.safetensors", FORMAT)
    parts = [TensorFile(path, FORMAT) for path in paths]
    _, (single,) = run(model, sequences, [11], tmp_path)
    assert whole.metadata["samples"] == "11"
    assert whole.metadata["tokens"] == single.metadata["tokens"]
    for name in whole.names:
        assert (whole[name] == (parts[0][name] + parts[1][name]) + parts[2][name]).all(), "the sum itself is exact"
        np.testing.assert_allclose(whole[name], single[name], rtol=1e-3, atol=1e-5)


def test_samples_of_a_milestone_are_dealt_to_the_shards():
    for samples, shards in ((10, 3), (7, 7), (100, 1)):
        counts = [samples_in_shard(samples, shard, shards) for shard in range(shards)]
        assert sum(counts) == samples
        assert max(counts) - min(counts) <= 1


def test_the_same_run_twice_gives_the_same_bits(tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run(tiny_llama(), random_sequences(9), [4, 9], tmp_path / name)
        files.append((tmp_path / name / "9.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_nll_that_is_not_finite_names_the_sequence(tmp_path):
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[5] = float("nan")
    sequences = [np.array([1, 2, 3], np.uint32)] * 4 + [np.array([1, 5, 3], np.uint32)]
    with pytest.raises(ValueError, match="the NLL of sequence 4 of this shard is nan, not finite"):
        run(model, sequences, [5], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shards_of_different_models_or_settings_are_not_added(tmp_path):
    for name, reduction in (("a", "corrected"), ("b", "published")):
        (tmp_path / name).mkdir()
        run(tiny_llama(), random_sequences(3), [3], tmp_path / name, reduction=reduction)
    paths = [str(tmp_path / name / "3.safetensors") for name in ("a", "b")]
    with pytest.raises(ValueError, match="reduction is 'published', but 'corrected'"):
        add_shards(paths, str(tmp_path / "sum.safetensors"), {})


def test_an_unknown_reduction_is_refused(tmp_path):
    with pytest.raises(ValueError, match="reduction must be one of corrected, published, got 'mean'"):
        run(tiny_llama(), random_sequences(3), [3], tmp_path, reduction="mean")
