"""Neurons' parameters in every family by hand, sets of equal size, shares of regions and rank correlations by brute force."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from families import CONFIGS, layout, located, tiny_family
from langatlas import region
from langatlas.locate import agreement, equal, neuron_lines
from langatlas.locate.importance_files import FORMAT
from langatlas.neuron_files import COLUMNS, NeuronSet
from langatlas.present.tables import importance_activation, region_neurons
from langatlas.region import Region, RegionWriter
from langatlas.tensorfile import TensorWriter


def neuron_places(model, chosen: dict[int, list[int]]) -> dict[str, set[int]]:
    """Flat places of neurons' parameters in the stored tensors, written down by hand: layer -> neurons."""
    found: dict[str, set[int]] = {}
    for (layer, module, kind), (name, places) in layout(model).items():
        neurons = chosen.get(layer, [])
        if module in ("mlp.gate", "mlp.up"):
            found.setdefault(name, set()).update(places[neurons].flatten().tolist())
        elif module == "mlp.down" and kind == "weight":
            found.setdefault(name, set()).update(places[:, neurons].flatten().tolist())
    return found


@pytest.mark.parametrize("family", list(CONFIGS))
def test_the_lines_of_a_neuron_are_its_parameters_in_every_family(family, tmp_path):
    model = tiny_family(family)
    importance, _, core = located(model, tmp_path)
    layers, width = neuron_lines.shape_of(core.parts())
    chosen = np.zeros((layers, width), bool)
    chosen[0, [0, 3]] = chosen[1, width - 1] = True
    shapes = {name: core.shape(name) for name in core.names}
    with RegionWriter(tmp_path / "lines", shapes, core.metadata) as writer:
        for part in core.parts():
            lined = neuron_lines.neuron_parts([part])
            writer.write_part(
                part, neuron_lines.line_mask(part, chosen[part.layer]) if lined else np.zeros(part.size, bool)
            )
    written, expected = Region.open(tmp_path / "lines"), neuron_places(model, {0: [0, 3], 1: [width - 1]})
    for name in written.names:
        assert set(np.flatnonzero(written.mask(name)).tolist()) == expected.get(name, set()), name
    assert sum(map(len, expected.values())) == 3 * neuron_lines.parameters_of_a_neuron(core.parts())
    counts = sum(neuron_lines.region_counts(written).values())
    np.testing.assert_array_equal(counts, chosen * neuron_lines.parameters_of_a_neuron(core.parts()))
    by_neuron = neuron_lines.importance_of_neurons(importance.path, core)
    for layer, neuron in ((0, 3), (1, 0)):
        places = neuron_places(model, {layer: [neuron]})
        by_hand = sum(
            np.abs(importance[name]).reshape(-1)[sorted(where)].sum() for name, where in places.items() if where
        )
        assert by_neuron[layer, neuron] == pytest.approx(by_hand, rel=1e-5)


def neuron_set(method: str, places: dict[str, list[tuple[int, int, float]]], shape=(2, 12)) -> NeuronSet:
    rows = [(method, label, "top", *place, 0.5) for label, those in places.items() for place in those]
    metadata = {"method": method, "model": "tiny", "model_hash": "h"}
    return NeuronSet(pd.DataFrame(rows, columns=COLUMNS), list(places), shape, metadata)


SHAPES = {
    f"model.layers.{layer}.{name}.weight": shape
    for layer in range(2)
    for name, shape in {
        "self_attn.q_proj": (8, 8), "self_attn.k_proj": (4, 8), "self_attn.v_proj": (4, 8), "self_attn.o_proj": (8, 8),
        "mlp.gate_proj": (12, 8), "mlp.up_proj": (12, 8), "mlp.down_proj": (8, 12), "input_layernorm": (8,),
    }.items()
}  # fmt: skip
EACH = 3 * 8  # parameters of a neuron


def write_region(path, masks: dict[str, np.ndarray], language: str = "ru") -> Region:
    described = {"model": "tiny", "model_hash": "h", "region": f"monolingual-{language}", "region_language": language}
    described |= {"scope": "matrix", "samples": "8", "ratio": "0.5", "side": "top", "seed": "", "model_type": "llama"}
    region.save(path, masks, described)
    return Region.open(path)


def write_importance(path, values: dict[str, np.ndarray]) -> str:
    layout_of = {name: ("F32", value.shape) for name, value in values.items()}
    with TensorWriter(path, layout_of, {"format": FORMAT, "model_hash": "h", "model": "tiny"}) as writer:
        for name, value in values.items():
            writer.write(name, value)
    return str(path)


def made(tmp_path, sets: list[NeuronSet], shares=("0.5", "1.0"), density=0.5, seed=0):
    """Sets of equal size of a random region, importance and neurons: (method, side, share) -> Region; and the inputs."""
    generator = np.random.default_rng(seed)
    masks = {name: generator.random(shape) < density for name, shape in SHAPES.items()}
    scores = {name: generator.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    write_region(tmp_path / "own", masks)
    importance = write_importance(tmp_path / "importance", scores)
    methods = ["importance", *(found.method for found in sets)]
    plan = {key: str(tmp_path / "-".join(key)) for key in product(methods, ("top", "random-1", "random-2"), shares)}
    named = {str(number): found for number, found in enumerate(sets)}
    equal.select_equal(str(tmp_path / "own"), importance, named, plan, language="ru", metadata={"code": "c"})
    return {key: Region.open(path) for key, path in plan.items()}, masks, scores


LAPE = {"ru": [(0, 3, 0.9), (0, 5, 0.1), (1, 0, 0.4), (1, 7, 0.2), (1, 8, 0.7)], "en": [(0, 1, 0.5)]}
PRECISION = {"ru": [(0, n, 0.5 + n / 100) for n in range(5)], "en": [(1, 1, 0.5)]}


def size(found: Region) -> int:
    return sum(int(found.mask(name).sum()) for name in found.names)


def test_all_sets_of_a_share_have_the_same_number_of_parameters_and_the_best_stay(tmp_path):
    regions, masks, scores = made(tmp_path, [neuron_set("lape", LAPE), neuron_set("precision", PRECISION)])
    sizes = {key: size(found) for key, found in regions.items()}
    assert {sizes[key] for key in sizes if key[2] == "1.0"} == {5 * EACH}
    assert {sizes[key] for key in sizes if key[2] == "0.5"} == {2 * EACH}
    assert all(int(found.metadata["n_selected"]) == sizes[key] for key, found in regions.items())
    total = sum(int(np.prod(shape)) for name, shape in SHAPES.items() if "norm" not in name)
    half = regions["lape", "top", "0.5"]
    assert float(half.metadata["ratio"]) == 2 * EACH / total
    assert (half.metadata["region"], half.metadata["setting"]) == ("lape-equal-ru", "share 0.5")
    lines = sum(neuron_lines.region_counts(half).values())
    assert list(zip(*map(list, np.nonzero(lines)), strict=True)) == [(0, 5), (1, 7)], "lowest entropy"
    lines = sum(neuron_lines.region_counts(regions["precision", "top", "0.5"]).values())
    assert list(zip(*map(list, np.nonzero(lines)), strict=True)) == [(0, 3), (0, 4)], "highest average precision"
    kept, whole = regions["importance", "top", "1.0"], sum(int(m.sum()) for n, m in masks.items() if "norm" not in n)
    for name, mask in masks.items():
        chosen = kept.mask(name)
        assert not (chosen & ~mask).any()
        if "norm" in name:
            assert not chosen.any()
            continue
        assert abs(chosen.sum() - mask.sum() * 5 * EACH / whole) < 1
        strength = np.abs(scores[name])
        assert strength[chosen].min() > strength[mask & ~chosen].max()


def test_random_controls_are_as_large_in_every_matrix_or_layer_and_others(tmp_path):
    regions, *_ = made(tmp_path, [neuron_set("lape", LAPE)])
    for share, seed in product(("0.5", "1.0"), (1, 2)):
        top, random = (regions["importance", side, share] for side in ("top", f"random-{seed}"))
        assert [top.count(name) for name in top.names] == [random.count(name) for name in top.names]
        top, random = (
            sum(neuron_lines.region_counts(regions["lape", side, share]).values()) for side in ("top", f"random-{seed}")
        )
        np.testing.assert_array_equal(top.sum(1), random.sum(1))
        assert not (top * random).any()
        assert set(np.unique(random)) <= {0, EACH}
        assert random.max() == EACH
    assert regions["lape", "random-1", "1.0"].metadata["seed"] == "1"


def test_the_smallest_set_decides_and_nothing_is_cut_where_a_language_has_no_neurons(tmp_path):
    few = made(tmp_path, [neuron_set("lape", LAPE)], density=0.04)[0]  # a region smaller than five neurons
    whole = sum(int(Region.open(tmp_path / "own").mask(n).sum()) for n in SHAPES if "norm" not in n)
    assert size(few["lape", "top", "1.0"]) == size(few["importance", "top", "1.0"]) == whole // EACH * EACH > 0
    none = made(tmp_path, [neuron_set("lape", {"ru": [], "en": [(0, 1, 0.5)]})])[0]
    assert {size(found) for found in none.values()} == {0}
    other = neuron_set("lape", LAPE)
    other.metadata["model_hash"] = "x"
    with pytest.raises(ValueError, match="not of the model that is used here"):
        made(tmp_path, [other])


def test_parts_of_a_parameter_go_where_most_of_one_is_owed():
    assert equal.apportioned([50, 30, 20], 7).tolist() == [4, 2, 1]  # 3.5, 2.1, 1.4
    assert equal.apportioned([1, 1, 1], 2).tolist() == [1, 1, 0]
    assert equal.apportioned([0, 0], 0).tolist() == [0, 0]
    generator = np.random.default_rng(0)
    for _ in range(50):
        sizes = generator.integers(0, 40, 9)
        dealt = equal.apportioned(sizes, int(sizes.sum() * 0.37))
        assert dealt.sum() == int(sizes.sum() * 0.37)
        assert (dealt <= sizes).all()
    with pytest.raises(ValueError, match="cannot take 3 of 2"):
        equal.apportioned([1, 1], 3)


def masks_of_lines(chosen: np.ndarray, shapes=SHAPES) -> dict[str, np.ndarray]:
    """Masks that hold the lines of these neurons (L, F) and half of the queries."""
    masks = {name: np.zeros(shape, bool) for name, shape in shapes.items()}
    for name, mask in masks.items():
        layer = int(name.split(".")[2])
        if "down" in name:
            mask[:, chosen[layer]] = True
        elif "mlp" in name:
            mask[chosen[layer]] = True
        elif "q_proj" in name:
            mask[:4] = True
    return masks


def shares(regions, sets, permutations=999):
    counts = agreement.region_in_neurons(regions, sets, permutations=permutations, seed=1)
    counts[["samples", "ratio"]] = counts[["samples", "ratio"]].astype(float)
    return region_neurons.build(counts)


def test_a_region_made_of_a_language_s_neurons_lies_in_them_and_not_in_others(tmp_path):
    found = neuron_set("lape", LAPE)
    own = write_region(tmp_path / "r", masks_of_lines(found.mask("ru")))
    table = shares([own], [found])
    ru, en = (table[table["neuron_language"] == label].set_index("module") for label in ("ru", "en"))
    assert set(ru.index) == {"mlp", "mlp.gate", "mlp.up", "mlp.down"}
    assert (ru["line_share"] == 1).all()
    assert (en["line_share"] == 0).all()
    assert ru.loc["mlp", "n_selected"] == 5 * EACH
    assert ru.loc["mlp", "line_share_of_whole"] == 5 * EACH / (5 * EACH + 2 * 4 * 8)
    # by hand: 2 of 12 neurons hold 2 of 5, 3 of 12 hold 3 of 5
    assert ru.loc["mlp", "line_share_by_chance"] == pytest.approx((2 * 2 / 12 + 3 * 3 / 12) / 5)
    assert ru.loc["mlp", "line_p_value"] < 0.005
    assert (en["line_p_value"] == 1).all()
    assert (ru.loc["mlp", "line_rank"], en.loc["mlp", "line_rank"]) == (1, 2)
    text = next(iter(region_neurons.wide(table)))
    assert "p < 0.05 in 1 of 1 languages" in text
    assert "hold most in 1 of 1" in text


def test_the_null_is_that_of_all_sets_as_large_in_every_layer(tmp_path):
    """Every pair of two layers with 6 neurons: 6 * 15 sets, counted one by one."""
    generator = np.random.default_rng(3)
    shapes = {name.replace("12", "6"): shape for name, shape in SHAPES.items()}
    shapes = {name: tuple(6 if side == 12 else side for side in shape) for name, shape in shapes.items()}
    masks = {name: generator.random(shape) < 0.3 for name, shape in shapes.items()}
    own = write_region(tmp_path / "r", masks)
    found = neuron_set("lape", {"ru": [(0, 2, 0.1), (1, 4, 0.1), (1, 5, 0.1)], "en": [(0, 0, 0.1)]}, shape=(2, 6))
    row = shares([own], [found], permutations=4000).query("module == 'mlp' and neuron_language == 'ru'").iloc[0]
    counts = sum(neuron_lines.region_counts(own).values())
    every = [counts[0, a] + counts[1, b] + counts[1, c] for a in range(6) for b, c in combinations(range(6), 2)]
    assert row["n_in_lines"] == counts[0, 2] + counts[1, 4] + counts[1, 5]
    assert row["line_share_by_chance"] * row["n_selected"] == pytest.approx(np.mean(every))
    assert row["line_p_value"] == pytest.approx(np.mean(np.array(every) >= row["n_in_lines"]), abs=0.03)


def test_random_regions_lie_in_neurons_as_chance_has_it(tmp_path):
    generator, found = np.random.default_rng(5), neuron_set("lape", LAPE)
    drawn = [{name: generator.random(shape) < 0.4 for name, shape in SHAPES.items()} for _ in range(60)]
    table = shares([write_region(tmp_path / f"{i}", masks) for i, masks in enumerate(drawn)], [found], 200)
    table = table.query("module == 'mlp' and neuron_language == 'ru'")
    assert len(table) == 60
    assert table["line_times_chance"].mean() == pytest.approx(1, abs=0.03)
    assert stats.kstest(table["line_p_value"], "uniform").pvalue > 0.01


def test_rank_correlations_are_spearman_s_and_their_intervals_those_of_ranking_anew():
    generator = np.random.default_rng(7)
    active = {label: np.round(generator.random((2, 80)), 1) for label in ("en", "ru")}  # with ties
    important = {label: values + 0.5 * generator.random((2, 80)) for label, values in active.items()}
    table = agreement.importance_and_activation(important, active, resamples=2000, seed=1)
    rows = table[table["layer"].notna()].set_index(["language", "layer"])
    for label, layer in product(("en", "ru"), (0, 1)):
        row, other = rows.loc[(label, layer)], {"en": "ru", "ru": "en"}[label]
        assert row["rho"] == pytest.approx(stats.spearmanr(important[label][layer], active[label][layer])[0])
        assert row["others"] == pytest.approx(stats.spearmanr(important[label][layer], active[other][layer])[0])
    draws = generator.integers(0, 80, (800, 80))
    anew = [stats.spearmanr(important["en"][0][draw], active["en"][0][draw])[0] for draw in draws]
    assert rows.loc[("en", 0), ["low", "high"]].astype(float).to_numpy() == pytest.approx(
        np.quantile(anew, [0.025, 0.975]), abs=0.04
    )
    mean = table[table["layer"].isna()].set_index("language")
    assert mean.loc["ru", "rho"] == pytest.approx(rows.loc["ru"]["rho"].mean())
    assert mean.loc["ru", "low"] < mean.loc["ru", "rho"] < mean.loc["ru", "high"]
    named = importance_activation.build(table.assign(model="m", samples=8))
    (wide,) = importance_activation.wide(named).values()
    assert wide["Language"].tolist() == ["English (en)", "Russian (ru)"]


def test_a_layer_in_which_nothing_is_active_has_no_correlation():
    active, important = {"en": np.zeros((1, 9))}, {"en": np.arange(9.0)[None]}
    table = agreement.importance_and_activation(important, active, resamples=100, seed=1)
    assert table["rho"].isna().all()


def test_importances_of_another_model_are_refused(tmp_path):
    own = write_region(tmp_path / "r", masks_of_lines(np.zeros((2, 12), bool)))
    path = write_importance(tmp_path / "i", {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()})
    assert neuron_lines.importance_of_neurons(path, own).shape == (2, 12)
    own.metadata["model_hash"] = "x"
    with pytest.raises(ValueError, match="different models"):
        neuron_lines.importance_of_neurons(path, own)
