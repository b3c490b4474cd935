"""Density maps: the 3 x 3 recipe, shrinking, and animations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from figure_data import STYLE, masks, region_file
from langatlas.present.figures import canvas, density, density_animation, density_map, density_sheet

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def by_hand(mask: np.ndarray) -> np.ndarray:
    rows, columns = mask.shape
    result = np.zeros(mask.shape)
    for r in range(rows):
        for c in range(columns):
            around = [
                mask[i, j]
                for i in range(max(0, r - 1), min(rows, r + 2))
                for j in range(max(0, c - 1), min(columns, c + 2))
            ]
            result[r, c] = sum(map(int, around)) / len(around)
    return result


@given(hnp.arrays(bool, SHAPES))
def test_density_is_the_selected_share_of_the_neighbours_that_exist(mask):
    assert np.array_equal(density.neighbourhood_parts(mask) / density.PARTS, by_hand(mask))


def test_density_of_a_known_matrix():
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    expected = [[2 / 4, 2 / 6, 1 / 4], [2 / 6, 2 / 9, 1 / 6], [1 / 6, 2 / 9, 2 / 6], [0, 1 / 6, 1 / 4]]
    assert np.allclose(density.density(mask, 10, 10), expected)


def test_density_leaves_the_mask_as_it_was():
    mask = np.eye(5, dtype=bool)
    density.neighbourhood_parts(mask)
    assert np.array_equal(mask, np.eye(5, dtype=bool))


@given(hnp.arrays(bool, SHAPES), st.integers(1, 9), st.integers(1, 9))
def test_shrinking_keeps_the_mean_of_every_element(mask, height, width):
    parts = density.neighbourhood_parts(mask)
    small = density.shrink(parts, height, width)
    assert small.shape == (min(height, mask.shape[0]), min(width, mask.shape[1]))
    cuts = [[count * size // n for count in range(n + 1)] for n, size in zip(small.shape, mask.shape, strict=True)]
    for (row, column), value in np.ndenumerate(small):
        block = parts[cuts[0][row] : cuts[0][row + 1], cuts[1][column] : cuts[1][column + 1]]
        assert value == pytest.approx(block.mean() / density.PARTS)


def test_matrices_are_the_weight_matrices_of_a_module_in_the_order_of_layers(tmp_path):
    region = region_file(tmp_path, layers=11)
    assert [matrix.layer for matrix in density.matrices(region, "mlp.down")] == list(range(11))
    assert len(density.matrices(region)) == 11 * 4  # no norm vectors


def test_an_unknown_module_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no matrix 'attn\.z'; it has attn\.o, attn\.q, mlp\.down, mlp\.up"):
        density.matrices(region_file(tmp_path), "attn.z")


def test_a_layer_beyond_the_last_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has no layer 7; attn\.q has layers 0 to 2"):
        density_map.figure(region_file(tmp_path), 7, "attn.q")


def test_a_map_shows_the_matrix_with_its_origin_top_left(tmp_path):
    with canvas.style(STYLE):
        figure = density_map.figure(region_file(tmp_path, "monolingual-ar"), 1, "attn.q")
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "Arabic.Layers.1.self_attn.q_proj"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Column", "Row")
    assert axes.get_ylim() == (47.5, -0.5)
    shown = axes.images[0]
    assert np.allclose(shown.get_array(), by_hand(masks()["model.layers.1.self_attn.q_proj.weight"]), atol=1e-6)
    assert shown.get_clim() == (0, 1)
    assert shown.get_cmap().name == "Reds"


def test_the_region_is_named_after_its_language(tmp_path):
    assert density.region_name(region_file(tmp_path, "monolingual-ar")) == "Arabic"
    assert density.region_name(region_file(tmp_path, "core")) == "Core"


def test_a_sheet_has_a_thumbnail_for_every_matrix(tmp_path):
    with canvas.style(STYLE):
        figure = density_sheet.figure(region_file(tmp_path), "mini")
    assert len(figure.axes[0].images) == 3 * 4


def animation(folder, name):
    regions = [region_file(folder, f"monolingual-{label}", seed=seed) for label, seed in (("ar", 6), ("vi", 7))]
    panels = [{"module": "attn.q", "cmap": cmap} for cmap in ("Reds", "Blues")]
    with canvas.style(STYLE):
        drawn = density_animation.figure(regions, panels, seconds=0.5)
        density_animation.save(drawn, [folder / name], {"code": "abc"})
    return folder / name


@pytest.fixture(scope="module")
def gif(tmp_path_factory):
    return animation(tmp_path_factory.mktemp("gif"), "layers.gif")


def test_an_animation_has_a_frame_for_every_layer_and_loops(gif):
    with Image.open(gif) as picture:
        assert picture.n_frames == 3
        assert picture.info["loop"] == 0
        assert picture.info["duration"] == 500
        assert b"abc" in picture.info["comment"]


def test_an_animation_drawn_twice_has_the_same_bytes(gif, tmp_path):
    assert animation(tmp_path, "again.gif").read_bytes() == gif.read_bytes()


def test_the_palette_keeps_the_colours_of_the_maps(gif):
    with Image.open(gif) as picture:
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    distance_to_darkest_red = np.abs(colours - [103, 0, 13]).max(axis=1)  # the end of the colour bar
    distance_to_darkest_blue = np.abs(colours - [8, 48, 107]).max(axis=1)
    assert distance_to_darkest_red.min() <= 2
    assert distance_to_darkest_blue.min() <= 2


def test_panels_of_different_models_are_refused(tmp_path):
    panels = [
        density_animation.Panel(region_file(tmp_path, "core", layers=layers), "attn.q", "Core") for layers in (2, 3)
    ]
    with pytest.raises(ValueError, match="must have the same layers"), canvas.style(STYLE):
        list(density_animation.frames(panels))
