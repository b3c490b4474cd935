import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from langatlas import region
from langatlas.region import Region
from langatlas.tensorfile import TensorFile, TensorWriter

METADATA = {"region": "core", "side": "top", "ratio": "0.5", "model": "tiny", "model_hash": "abc"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_packing_and_unpacking_a_mask_of_any_shape_is_the_identity(shape, seed):
    mask = np.random.default_rng(seed).random(shape) < 0.4
    bits = region.pack(mask)
    assert bits.size == -(-mask.size // 8)
    assert (region.unpack(bits, tuple(shape)) == mask).all()


def test_the_bits_lie_as_the_contract_says():
    mask = np.zeros((2, 5), bool)
    mask[0, 1] = mask[1, 3] = True  # flat places 1 and 8
    assert region.pack(mask).tolist() == [0b10, 0b1]


def test_the_file_is_read_by_the_safetensors_library_and_by_us(tmp_path):
    masks = {"b": np.eye(3, dtype=bool), "a": np.array([True, False, True])}
    region.save(tmp_path / "r.safetensors", masks, METADATA)
    with safe_open(tmp_path / "r.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["shapes"]) == {"b": [3, 3], "a": [3]}
        assert file.metadata()["format"] == "langatlas.region/1"
        assert file.get_tensor("a").dtype == np.uint8
        assert file.get_tensor("a").tolist() == [0b101]
    opened = Region.open(tmp_path / "r.safetensors")
    assert opened.names == ["b", "a"], "the model's order, not the alphabet's"
    assert (opened.mask("b") == masks["b"]).all()
    assert (opened.count("b"), opened.numel("b"), opened.shape("a")) == (3, 9, (3,))


def test_regions_of_different_models_are_told_apart(tmp_path):
    region.save(tmp_path / "a.safetensors", {"w": np.ones((2, 2), bool)}, METADATA)
    region.save(tmp_path / "b.safetensors", {"w": np.ones((2, 3), bool)}, METADATA)
    with pytest.raises(ValueError, match=r"b\.safetensors and .*a\.safetensors are regions of different models"):
        region.check_same_parameters([Region.open(tmp_path / "a.safetensors"), Region.open(tmp_path / "b.safetensors")])


def test_a_truncated_file_and_a_file_of_another_kind_are_named(tmp_path):
    path = tmp_path / "r.safetensors"
    region.save(path, {"w": np.ones((40, 40), bool)}, METADATA)
    with pytest.raises(ValueError, match=r"r\.safetensors: expected langatlas.importance/1, found langatlas.region/1"):
        TensorFile(path, "langatlas.importance/1")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"r\.safetensors: not a readable safetensors file .* truncated or corrupt"):
        Region.open(path)
    with pytest.raises(ValueError, match=r"nowhere: no such file"):
        Region.open(tmp_path / "nowhere")


def test_a_writer_that_is_cut_short_leaves_no_file(tmp_path):
    layout = {"a": ("F32", (2,)), "b": ("F32", (2,))}
    with (
        pytest.raises(ValueError, match="closed before 1 tensors"),
        TensorWriter(tmp_path / "x.safetensors", layout, {}) as writer,
    ):
        writer.write("a", np.zeros(2, np.float32))
    with (
        pytest.raises(ValueError, match="out of order"),
        TensorWriter(tmp_path / "x.safetensors", layout, {}) as writer,
    ):
        writer.write("b", np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="has shape"), TensorWriter(tmp_path / "x.safetensors", layout, {}) as writer:
        writer.write("a", np.zeros(3, np.float32))
    assert list(tmp_path.iterdir()) == []
