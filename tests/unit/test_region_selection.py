import json

import numpy as np
import pandas as pd
import pytest

from langatlas.locate.importance_files import FORMAT
from langatlas.locate.overlap import densities, overlaps
from langatlas.locate.regions import block_parts, random_mask, select, select_monolingual, select_shared
from langatlas.locate.similarity import compare
from langatlas.region import Region
from langatlas.tensorfile import TensorWriter
from tiny import importance_metadata, tiny_llama

SHAPES = {name: tuple(parameter.shape) for name, parameter in tiny_llama().named_parameters()}
BLOCKS = [name for name in SHAPES if name.startswith("model.layers.")]
RATIOS = ("0.05", "0.3")
METADATA = {"model_type": "llama", "region_language": ""}


def values(language: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(sum(map(ord, language)))
    # Few distinct values, of both signs: ties everywhere.
    return {name: generator.integers(-6, 7, shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def importances(tmp_path):
    paths = {}
    for language in ("ru", "uk", "zh"):
        paths[language] = str(tmp_path / f"{language}.safetensors")
        metadata = importance_metadata(language, samples="9", format=FORMAT)
        with TensorWriter(
            paths[language], {name: ("F32", shape) for name, shape in SHAPES.items()}, metadata
        ) as writer:
            for name, array in values(language).items():
                writer.write(name, array)
    return paths


def run(paths, folder, region, scope="matrix", sides=("top", "bottom"), ratios=RATIOS):
    folder.mkdir(exist_ok=True)
    plan = {(side, ratio): str(folder / f"{side}-{ratio}.safetensors") for side in sides for ratio in ratios}
    select(paths, plan, model_type="llama", scope=scope, region=region, metadata=METADATA)
    return {key: Region.open(path) for key, path in plan.items()}


def first_n(scores: np.ndarray, n: int, largest: bool) -> set[int]:
    return set(np.lexsort((np.arange(scores.size), -scores if largest else scores))[:n].tolist())


def chosen(region: Region, name: str) -> set[int]:
    return set(np.flatnonzero(region.mask(name)).tolist())


def test_the_core_takes_the_floor_of_the_ratio_of_every_matrix_by_summed_absolute_importance(importances, tmp_path):
    found = run(list(importances.values()), tmp_path / "core", "core")
    for name in BLOCKS:
        total = sum(np.abs(values(language)[name]) for language in importances).reshape(-1)
        for (side, ratio), region in found.items():
            expected = first_n(total, int(float(ratio) * total.size), side == "top")
            assert chosen(region, name) == expected
    region = found["top", "0.05"]
    assert region.names == BLOCKS, "no embeddings, no head, no final norm; norms of blocks are selected"
    assert json.loads(region.metadata["languages"]) == ["ru", "uk", "zh"]
    assert (region.metadata["scope"], region.metadata["ratio"], region.metadata["samples"]) == ("matrix", "0.05", "9")


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_wider_scopes_rank_all_their_matrices_together(importances, tmp_path, scope):
    found = run([importances["ru"]], tmp_path / scope, f"core-{scope}", scope)
    for parts in block_parts(SHAPES, METADATA, scope):
        group = [part.name for part in parts]
        scores = np.concatenate([np.abs(values("ru")[name]).reshape(-1) for name in group])
        for (side, ratio), region in found.items():
            expected = first_n(scores, int(float(ratio) * scores.size), side == "top")
            masks = np.concatenate([region.mask(name).reshape(-1) for name in group])
            assert set(np.flatnonzero(masks).tolist()) == expected


@pytest.mark.parametrize("scope", ["matrix", "global"])
def test_random_controls_have_the_size_of_the_top_region_in_every_matrix(importances, tmp_path, scope):
    sides = ("top", "random-1", "random-2")
    found = run(list(importances.values()), tmp_path / "r", "core", scope, sides)
    for name in BLOCKS:
        for ratio in RATIOS:
            counts = {side: found[side, ratio].count(name) for side in sides}
            assert len(set(counts.values())) == 1
    big = "model.layers.0.mlp.up_proj.weight"
    assert (found["random-1", "0.3"].mask(big) != found["random-2", "0.3"].mask(big)).any()
    assert found["random-2", "0.3"].metadata["seed"] == "2"
    again = run(list(importances.values()), tmp_path / "again", "core", scope, sides)
    assert (again["random-1", "0.3"].mask(big) == found["random-1", "0.3"].mask(big)).all()


def test_random_masks_are_nested_in_their_size():
    small, large = random_mask(1, "w", 500, 20), random_mask(1, "w", 500, 90)
    assert (small.sum(), large.sum()) == (20, 90)
    assert not (small & ~large).any()


@pytest.mark.parametrize("way", ["each of the others", "through what two share", "through what any other has"])
def test_a_monolingual_region_is_the_language_minus_the_union_of_the_others(importances, tmp_path, way):
    languages = {
        language: run([path], tmp_path / language, f"language-{language}") for language, path in importances.items()
    }
    own = [region.path for region in languages["ru"].values()]
    others = [region.path for language in ("uk", "zh") for region in languages[language].values()]
    plan = {
        (side, r): str(tmp_path / f"m-{side}-{r}.safetensors") for side in ("top", "bottom", "random-4") for r in RATIOS
    }
    if way != "each of the others":  # in ru and not in what two have = in no other
        shared = {key: str(tmp_path / f"s-{key[0]}-{key[1]}.safetensors") for key in languages["ru"]}
        taken, least = (("ru", "uk", "zh"), 2) if way == "through what two share" else (("uk", "zh"), 1)
        every = [region.path for language in taken for region in languages[language].values()]
        select_shared(every, shared, region="shared", least=least, metadata={"region_language": ""})
        others = list(shared.values())
    select_monolingual(own, others, plan, region="monolingual-ru", metadata={"region_language": "ru"})
    for (side, ratio), path in plan.items():
        region, source = Region.open(path), "top" if side == "random-4" else side
        for name in BLOCKS:
            sets = {language: chosen(found[source, ratio], name) for language, found in languages.items()}
            expected = sets["ru"] - (sets["uk"] | sets["zh"])
            if side == "random-4":
                assert region.count(name) == len(expected)
            else:
                assert chosen(region, name) == expected
        assert json.loads(region.metadata["languages"]) == ["ru", "uk", "zh"]
        assert region.metadata["region_language"] == "ru"


def test_densities_and_overlaps_count_what_the_masks_hold(importances, tmp_path):
    regions = [
        run([importances[language]], tmp_path / language, f"language-{language}", sides=("top",), ratios=("0.3",))[
            "top", "0.3"
        ]
        for language in ("ru", "uk")
    ]
    counted = pd.concat(overlaps([region.path for region in regions])).set_index("parameter")
    dense = densities([regions[0].path]).set_index("parameter")
    for name in BLOCKS:
        a, b = (chosen(region, name) for region in regions)
        row = counted.loc[name]
        assert (row.intersection, row.union, row.n_a, row.n_b) == (len(a & b), len(a | b), len(a), len(b))
        assert dense.loc[name].density == len(a) / regions[0].numel(name)
    assert dense.loc["model.layers.1.self_attn.q_proj.weight", ["layer", "module"]].tolist() == [1, "attn.q"]


def test_similarity_of_importances_is_one_with_itself_and_matches_scipy(importances, tmp_path):
    from scipy.stats import spearmanr

    row = compare([importances["ru"], importances["uk"]], "llama", 10**9).iloc[0]
    names = [name for name in BLOCKS if "norm" not in name]
    ru, uk = (np.abs(np.concatenate([values(lang)[n].reshape(-1) for n in names])) for lang in ("ru", "uk"))
    assert row.spearman == pytest.approx(spearmanr(ru, uk).statistic)
    assert row.cosine == pytest.approx(ru @ uk / np.linalg.norm(ru) / np.linalg.norm(uk))
    assert row.n_parameters == ru.size
    same = compare([importances["ru"], importances["ru"]], "llama", 100).iloc[0]
    assert (same.spearman, same.cosine) == (pytest.approx(1), pytest.approx(1))


def test_wrong_ratios_scopes_architectures_and_models_are_refused(importances, tmp_path):
    with pytest.raises(ValueError, match=r"ratio must be in \(0, 1\], got 1.5"):
        run([importances["ru"]], tmp_path / "x", "core", ratios=("1.5",))
    with pytest.raises(ValueError, match="scope must be one of matrix, layer, global, got 'row'"):
        block_parts(SHAPES, METADATA, "row")
    with pytest.raises(ValueError, match=r"model type 'rwkv' has no adapter; there are .*llama.* Add an entry"):
        block_parts(SHAPES, {"model_type": "rwkv"}, "matrix")
    other = str(tmp_path / "other.safetensors")
    metadata = importance_metadata("uk", samples="9", format=FORMAT, model_hash="zzz")
    with TensorWriter(other, {"w": ("F32", (1,))}, metadata) as writer:
        writer.write("w", np.ones(1, np.float32))
    with pytest.raises(ValueError, match=r"other\.safetensors is of model tiny \(zzz\), but .*ru\.safetensors"):
        run([importances["ru"], other], tmp_path / "x", "core")
    assert not list((tmp_path / "x").glob("*.safetensors")), "a refused selection leaves no files"
