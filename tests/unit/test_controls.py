"""Controls: scores by brute force on a tiny model, matched regions, concentration by its definition, verdicts that flip."""

import numpy as np
import pytest
import torch

from langatlas.locate import concentration, matched, reliability, variants
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.overlap import overlaps_with
from langatlas.models.nll import pad, token_nll
from langatlas.present import columns, control_tables, pages
from langatlas.present.figures import controls as controls_figure
from langatlas.region import Region, save
from langatlas.tensorfile import TensorFile
from small_tables import survival_tables
from tiny import importance_metadata, random_sequences, tiny_llama

SEQUENCES = random_sequences(8, seed=2)


def gradients(model, ids):
    model.zero_grad()
    token_nll(model, pad([ids], [0])).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    outputs = {name: str(folder / f"{name}.safetensors") for name in variants.VARIANTS}
    variants.write_variants(
        tiny_llama(), SEQUENCES, outputs, importance_metadata(), samples=4, batch_size=3, precision="float32",
        sequence_length=max(map(len, SEQUENCES)), seed=1,
    )  # fmt: skip
    return {name: TensorFile(path, FORMAT) for name, path in outputs.items()}


def test_absolute_and_fisher_are_sums_over_sequences_one_by_one(written):
    model = tiny_llama()
    weights = {name: p.detach() for name, p in model.named_parameters()}
    each = [gradients(model, ids) for ids in SEQUENCES[:4]]
    for name, weight in weights.items():
        products = [(weight * one[name]).numpy() for one in each]
        np.testing.assert_allclose(written["absolute"][name], sum(map(np.abs, products)), rtol=2e-4, atol=1e-7)
        np.testing.assert_allclose(written["fisher"][name], sum(x**2 for x in products), rtol=2e-4, atol=1e-9)


def test_halves_take_every_second_sequence_and_shuffling_keeps_first_token_and_counts(written):
    model = tiny_llama()
    weights = {name: p.detach() for name, p in model.named_parameters()}
    for half, chosen in (("half-1", SEQUENCES[0:8:2]), ("half-2", SEQUENCES[1:8:2])):
        each = [gradients(model, ids) for ids in chosen]
        for name, weight in weights.items():
            expected = (weight * sum(one[name] for one in each)).numpy()
            np.testing.assert_allclose(written[half][name], expected, rtol=1e-3, atol=1e-5)
    mixed = variants.shuffled(SEQUENCES, 1)
    assert all(a[0] == b[0] and sorted(a) == sorted(b) for a, b in zip(SEQUENCES, mixed, strict=True))
    assert any((a != b).any() for a, b in zip(SEQUENCES, mixed, strict=True))


def test_wanda_is_weight_times_the_norm_of_its_input_over_all_real_tokens(written):
    model, inputs = tiny_llama(), []
    layer = model.model.layers[1].mlp.down_proj
    hook = layer.register_forward_pre_hook(lambda module, args: inputs.append(args[0][0].detach()))
    for ids in SEQUENCES[:4]:
        model(pad([ids], [0]).input_ids_BT)
    hook.remove()
    norms = torch.cat(inputs).norm(dim=0)
    expected = (layer.weight.detach().abs() * norms).numpy()
    np.testing.assert_allclose(written["wanda"]["model.layers.1.mlp.down_proj.weight"], expected, rtol=1e-4)
    name = "model.layers.1.input_layernorm.weight"
    np.testing.assert_array_equal(
        written["wanda"][name], dict(tiny_llama().named_parameters())[name].detach().abs().numpy()
    )


def test_magnitude_needs_no_text_and_untrained_is_another_model(written):
    weights = dict(tiny_llama().named_parameters())
    name = "model.layers.0.self_attn.q_proj.weight"
    np.testing.assert_array_equal(written["magnitude"][name], weights[name].detach().abs().numpy())
    assert not np.allclose(written["untrained"][name], written["half-1"][name])
    assert written["untrained"].metadata["model_hash"] == "abc"
    assert written["untrained"].metadata["variant"] == "untrained"


def test_too_little_text_and_unknown_variants_are_refused(tmp_path):
    settings = {"batch_size": 2, "precision": "float32", "sequence_length": 2, "seed": 1}
    with pytest.raises(ValueError, match="8 sequences are needed, there are 4"):
        variants.write_variants(tiny_llama(), SEQUENCES[:4], {"half-1": "x"}, {}, samples=4, **settings)
    with pytest.raises(ValueError, match=r"variant must be one of .* got entropy"):
        variants.write_variants(tiny_llama(), SEQUENCES, {"entropy": "x"}, {}, samples=4, **settings)
    with pytest.raises(ValueError, match="4 texts shorter than 2 tokens are needed, there are 0 of 8"):
        variants.write_variants(tiny_llama(), SEQUENCES, {"short": str(tmp_path / "x")}, {}, samples=4, **settings)


def test_published_variants_round_average_by_batch_and_leave_long_texts_out(written):
    model = tiny_llama()
    weights = {name: p.detach() for name, p in model.named_parameters()}
    each = [gradients(model, ids) for ids in SEQUENCES]
    predicted = [len(ids) - 1 for ids in SEQUENCES]
    longest = max(map(len, SEQUENCES))
    fits = [i for i, ids in enumerate(SEQUENCES) if len(ids) < longest][:4]
    assert fits != [0, 1, 2, 3]
    for name, weight in weights.items():
        plain = weight * sum(one[name] for one in each[:4])
        rounded = torch.from_numpy(np.asarray(written["rounded"][name]))
        torch.testing.assert_close(rounded, plain, rtol=2**-7, atol=1e-6)
        assert (rounded == rounded.bfloat16().float()).all()
        # Micro-batches of three and one sequence, in their order.
        first = sum(one[name] for one in each[:3]) / sum(predicted[:3])
        averaged = weight * (first + each[3][name] / predicted[3])
        np.testing.assert_allclose(written["averaged"][name], averaged.numpy(), rtol=2e-4, atol=1e-7)
        short = weight * sum(each[i][name] for i in fits)
        np.testing.assert_allclose(written["short"][name], short.numpy(), rtol=2e-3, atol=1e-6)


def rounded_sum(micro_batches: list[list[int]]) -> dict[str, torch.Tensor]:
    """theta * gradient sum as ZeRO 2 keeps it in bfloat16: each gradient is rounded, and the sum after each of them."""
    model = tiny_llama()
    sums = {name: torch.zeros_like(p, dtype=torch.bfloat16) for name, p in model.named_parameters()}
    for chosen in micro_batches:
        model.zero_grad()
        token_nll(model, pad([SEQUENCES[i] for i in chosen], chosen)).sum().backward()
        sums = {n: (sums[n].float() + p.grad.bfloat16().float()).bfloat16() for n, p in model.named_parameters()}
    return {name: p.detach() * sums[name].float() for name, p in model.named_parameters()}


def test_sums_in_bfloat16_are_rounded_with_every_micro_batch_in_the_order_of_the_text(written):
    for name, expected in rounded_sum([[0, 1, 2], [3]]).items():
        np.testing.assert_array_equal(written["summed-bfloat16"][name], expected.numpy())
    exact = variants.signed(tiny_llama(), SEQUENCES, 1, "float32")
    found = variants.signed(tiny_llama(), SEQUENCES, 1, "float32", gradient_sum=variants.RoundedGradientSum)
    by_length = sorted(range(8), key=lambda i: -len(SEQUENCES[i]))
    in_order, by_length = (rounded_sum([[i] for i in order]) for order in (range(8), by_length))
    assert all(torch.equal(found[name], in_order[name]) for name in found)
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(in_order[name], by_length[name]), "the order matters, or this test says nothing"
    assert 1e-4 < (found[name] - exact[name]).norm() / exact[name].norm() < 0.05


def test_a_sum_in_bfloat16_stands_still_where_the_next_gradient_is_less_than_half_its_last_digit():
    layer = torch.nn.Linear(1, 1, bias=False)
    for kind, expected in ((variants.RoundedGradientSum, 256.0), (variants.GradientSum, 300.0)):
        with kind(layer) as gradients:
            for _ in range(300):
                gradients.backward(layer.weight.sum())
        assert gradients.sums["weight"].item() == expected  # 256 has eight digits, of which the last is 2


def test_a_matched_region_has_the_magnitudes_of_the_region_and_other_places():
    generator = np.random.default_rng(0)
    sizes = generator.exponential(size=40_000).astype(np.float32)
    mask = np.zeros(40_000, bool)
    mask[np.argsort(-sizes * generator.random(40_000))[:1200]] = True  # large ones, but not the largest
    drawn = matched.matched_mask(mask, sizes, 1, "m")
    assert drawn.sum() == mask.sum()
    wanted, found = np.sort(sizes[mask]), np.sort(sizes[drawn])
    assert np.abs(np.quantile(found, [0.1, 0.5, 0.9]) / np.quantile(wanted, [0.1, 0.5, 0.9]) - 1).max() < 0.05
    assert sizes[drawn].mean() > 2 * sizes.mean()
    assert (drawn & mask).sum() < 0.6 * mask.sum()
    assert (matched.matched_mask(mask, sizes, 1, "m") == drawn).all()
    assert (matched.matched_mask(mask, sizes, 2, "m") != drawn).any()


def naive_moran(mask):
    x, total, weights = mask - mask.mean(), 0.0, 0
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            for a, b in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if 0 <= a < mask.shape[0] and 0 <= b < mask.shape[1]:
                    total, weights = total + x[i, j] * x[a, b], weights + 1
    return mask.size / weights * total / (x**2).sum()


def test_morans_i_equals_a_double_loop_and_its_null_equals_permutations():
    generator = np.random.default_rng(1)
    mask = generator.random((9, 13)) < 0.2
    assert concentration.morans_i(mask) == pytest.approx(naive_moran(mask.astype(float)))
    block = np.zeros((9, 13), bool)
    block[2:6, 3:8] = True
    assert concentration.morans_i(block) > 0.7
    mean, sd = concentration.morans_null(mask)
    flat = mask.reshape(-1)
    null = [concentration.morans_i(generator.permutation(flat).reshape(mask.shape)) for _ in range(4000)]
    assert np.mean(null) == pytest.approx(mean, abs=4 * sd / 60)
    assert np.std(null) == pytest.approx(sd, rel=0.05)


def test_gini_by_definition_and_its_null_by_permutation():
    counts = np.array([0, 3, 1, 8])
    pairs = np.abs(counts[:, None] - counts[None]).sum()
    assert concentration.gini(counts) == pytest.approx(pairs / (2 * 4 * 4 * counts.mean()))
    assert concentration.gini(np.array([5, 5, 5])) == 0
    assert concentration.gini(np.array([0, 0, 0, 9])) == 0.75
    generator = np.random.default_rng(0)
    mask = np.zeros(6 * 10, bool)
    mask[:14] = True
    brute = [concentration.gini(generator.permutation(mask).reshape(6, 10).sum(1)) for _ in range(3000)]
    null = concentration.gini_null(6, 10, 14, 3000, 1)
    assert np.mean(null) == pytest.approx(np.mean(brute), abs=0.01)
    assert np.std(null) == pytest.approx(np.std(brute), rel=0.1)


def write_region(path, chosen, name="core", **more):
    masks = {n: chosen(n, tuple(p.shape)) for n, p in tiny_llama().named_parameters() if "layers" in n}
    described = {"model": "tiny", "model_hash": "h", "model_type": "llama", "region": name, "region_language": ""}
    described |= {"scope": "matrix", "samples": "9", "side": "top", "seed": "", "ratio": "0.2"}
    save(path, masks, described | more)
    return Region.open(path)


def test_a_region_in_one_line_is_concentrated_and_a_random_one_is_not(tmp_path):
    def striped(name, shape):
        mask = np.zeros(shape, bool)
        mask[..., 2] = True
        return mask

    generator = np.random.default_rng(4)
    stripes = concentration.concentration(write_region(tmp_path / "a.safetensors", striped), 1, 500)
    chance = concentration.concentration(
        write_region(tmp_path / "b.safetensors", lambda n, shape: generator.random(shape) < 0.2), 1, 500
    )
    q = stripes[stripes["module"] == "attn.q"].set_index("measure")
    assert (q.loc["gini-residual", "null_p_value"] < 0.01).all()
    assert (q.loc["gini-head", "statistic"] == 0).all()
    assert (chance["null_p_value"] < 0.05).mean() < 0.2
    assert set(columns.CONCENTRATION) <= set(stripes.columns)


def test_overlap_with_the_core_is_counted_over_matrices_and_set_against_chance(tmp_path):
    generator = np.random.default_rng(5)
    core = write_region(tmp_path / "core.safetensors", lambda n, shape: generator.random(shape) < 0.3)
    other = write_region(tmp_path / "o.safetensors", lambda n, shape: generator.random(shape) < 0.3, "core-wanda")
    counts = overlaps_with(core, [other])
    both = sum((core.mask(n) & other.mask(n)).sum() for n in core.names if "norm" not in n)
    either = sum((core.mask(n) | other.mask(n)).sum() for n in core.names if "norm" not in n)
    (row,) = control_tables.overlap_with_core(counts).to_dict("records")
    assert row["jaccard"] == pytest.approx(both / either)
    assert 0.6 < row["times_chance"] < 1.4


def test_without_other_text_reliability_has_no_rows_and_its_table_is_empty():
    counts = reliability.reliability([], {}, 0.03)
    counts.insert(0, "model", "m")
    counts.insert(1, "ratio", 0.03)
    table = control_tables.reliability(counts, counts.head(0))
    assert (len(table), list(table.columns)) == (0, columns.RELIABILITY)
    assert control_tables.wide_reliability(table) == {}


def test_reliability_compares_tops_and_ranks(written):
    halves = [written[name].path for name in ("half-1", "half-2")]
    table = reliability.reliability(
        [("halves", *halves), ("languages", halves[0], halves[0])], {"model_type": "llama"}, 0.25
    )
    same = table[table["comparison"] == "languages"].iloc[0]
    assert same["jaccard"] == 1
    assert same["spearman"] == pytest.approx(1)
    half = table.iloc[0]
    both = either = 0
    for name in written["half-1"].names:
        if "layers" in name and "norm" not in name:
            tops = []
            for variant in ("half-1", "half-2"):
                scores = np.abs(written[variant][name]).reshape(-1)
                tops.append(set(np.argsort(-scores, kind="stable")[: int(0.25 * scores.size)].tolist()))
            both, either = both + len(tops[0] & tops[1]), either + len(tops[0] | tops[1])
    assert half["jaccard"] == pytest.approx(both / either)


def test_the_figure_has_a_row_a_region_with_the_most_harmful_on_top():
    table = survival_tables()["controls"].assign(ratio=0.03)
    drawing = controls_figure.figure(table, "m")
    (axes,) = drawing.axes
    named = [label.get_text() for label in axes.get_yticklabels()]
    assert named[0].startswith("the core itself")
    assert named[-1] == "importance from English alone"
    assert [len(dots.get_offsets()) for dots in axes.collections if len(dots.get_offsets()) == 3] == [3] * 4


def test_magnitudes_are_written_once_for_all_languages(tmp_path):
    model, path = tiny_llama(), str(tmp_path / "magnitude.safetensors")
    variants.write_magnitudes(path, model, importance_metadata(samples="8"))
    file = TensorFile(path, FORMAT)
    assert (file.metadata["language"], file.metadata["samples"], file.metadata["variant"]) == ("", "8", "magnitude")
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(file[name], np.abs(parameter.detach().numpy()))


def test_a_control_from_an_own_label_alone_is_called_by_its_name():
    assert (
        control_tables.named("core-only_code", {"code": {"name": "Source code"}}) == "importance from Source code alone"
    )
    tables = survival_tables()
    renamed = tables["controls"].replace({"region": {"core-only_en": "core-only_code"}})
    found = pages.PAGES["survival"].build(tables | {"controls": renamed})
    assert found["sentence"].str.contains("A region from code alone multiplies").sum() == 1
