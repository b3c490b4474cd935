"""What a model's hash stands for, and that it is compared wherever something made from a model is used."""

import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from langatlas import region
from langatlas.activation_files import open_together
from langatlas.files import checkpoint_files, checkpoint_source
from langatlas.intervene.perturbation import read_extremes
from langatlas.locate.activations import activations_of
from langatlas.locate.importance_files import check_importances
from langatlas.locate.overlap import densities
from langatlas.models import checkpoint, mini, weights
from langatlas.present.measured import read_measured
from tiny import importance_metadata, random_sequences, tiny_llama

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path):
    tiny_llama().save_pretrained(tmp_path / "m")
    return tmp_path / "m"


def described(folder, **changed):
    return checkpoint.describe(folder, "m", **{"revision": "1", "dtype": "float32"} | changed)


def test_the_hash_of_a_model_is_that_of_its_tensors_however_they_are_saved(folder):
    expected, held = described(folder).hash, load_file(folder / WEIGHTS)
    for number in range(5):  # the library orders metadata anew at every save
        save_file(held, folder / WEIGHTS, metadata={key: str(number) for key in ("format", "a", "b", "c", "d")})
        assert described(folder).hash == expected
    tiny_llama().save_pretrained(folder, max_shard_size="1KB")
    (folder / WEIGHTS).unlink()
    assert len(weights.weight_files(folder, "m")) > 2
    assert described(folder).hash == expected
    config = json.loads((folder / "config.json").read_text())
    config |= {"transformers_version": "4.0.0", "dtype": "float16", "_name_or_path": "elsewhere"}
    (folder / "config.json").write_text(json.dumps(dict(reversed(config.items()))))
    assert described(folder).hash == expected


@pytest.mark.parametrize("change", ["value", "name", "shape", "type", "config"])
def test_whatever_changes_the_model_changes_its_hash(folder, change):
    before, held = described(folder).hash, load_file(folder / WEIGHTS)
    config = json.loads((folder / "config.json").read_text())
    if change == "value":
        held["lm_head.weight"][0, 0] += 1e-6
    elif change == "name":
        held["lm_head.other"] = held.pop("lm_head.weight")
    elif change == "shape":
        held["lm_head.weight"] = held["lm_head.weight"].reshape(-1)
    elif change == "type":
        held["lm_head.weight"] = held["lm_head.weight"].view(torch.int32)
    else:
        config["rms_norm_eps"] = 1e-5
    save_file(held, folder / WEIGHTS)
    (folder / "config.json").write_text(json.dumps(config))
    assert described(folder).hash != before


def test_a_tensor_larger_than_what_is_read_at_a_time_is_hashed_whole(folder, monkeypatch):
    expected = described(folder).hash
    monkeypatch.setattr(weights, "CHUNK", 8)
    assert described(folder).hash == expected
    tensor = weights.stored_tensors(folder, "m")["lm_head.weight"]
    bits = load_file(folder / WEIGHTS)["lm_head.weight"].abs().max().view(torch.int32)
    assert tensor.digest_and_largest() == (tensor.digest(), int(bits))


def test_the_mini_model_is_saved_with_the_same_bytes_every_time(tmp_path):
    written = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        mini.save(tiny_llama(), folder, {key: key * 3 for key in "abcdefg"})
        described(folder).write(folder / "model.json")
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert set(written[0]) == {"config.json", WEIGHTS, "model.json"}
    assert all(each == written[0] for each in written)


def test_replaced_weights_are_noticed_at_loading_even_with_the_same_size_and_time(folder):
    manifest, times = described(folder), (folder / WEIGHTS).stat()
    checkpoint.load(manifest, torch.device("cpu"))
    tiny_llama(seed=1).save_pretrained(folder)
    os.utime(folder / WEIGHTS, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (folder / WEIGHTS).stat().st_size == times.st_size
    with pytest.raises(ValueError, match=rf"were replaced: .*model.json says {manifest.hash}; run the workflow again"):
        checkpoint.load(manifest, torch.device("cpu"))


def test_a_manifest_is_found_from_any_directory_and_moves_with_its_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    described("m").write("m/model.json")
    described("m").write("elsewhere.json")
    monkeypatch.chdir("/")
    for path in (folder / "model.json", tmp_path / "elsewhere.json"):
        assert checkpoint.Manifest.read(path) == described(folder)
    folder.rename(tmp_path / "moved")
    moved = checkpoint.Manifest.read(tmp_path / "moved" / "model.json")
    assert moved.path == str(tmp_path / "moved")
    checkpoint.load(moved, torch.device("cpu"))


def test_a_file_that_is_no_manifest_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nothing.json: No such file"):
        checkpoint.Manifest.read(tmp_path / "nothing.json")
    for text in ("[]", "{", '{"name": "m"}'):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(ValueError, match=r"model.json: no model.json of this version"):
            checkpoint.Manifest.read(tmp_path / "model.json")


def test_the_path_of_a_checkpoint_may_hold_a_home_and_variables(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for path in ("~/m", "$MODELS/m", "${MODELS}/m", "m", "./m", str(tmp_path / "m")):
        assert checkpoint_source(path, "x") == str(tmp_path / "m")
    assert checkpoint_source("owner/name", "x") == "owner/name"
    for path in ("~/none", "$MODELS/none", "/none", "./none", "a/b/none"):
        with pytest.raises(ValueError, match=r"checkpoints.x.path: no folder .*none .*a Hub id is OWNER/NAME"):
            checkpoint_source(path, "x")
    with pytest.raises(ValueError, match=r"checkpoints.x.path: the environment variable NOWHERE .* is not set"):
        checkpoint_source("$NOWHERE/m", "x")


def test_the_files_that_a_rule_tracks_are_those_that_numbers_depend_on(folder):
    for name in ("tokenizer.json", "special_tokens_map.json", "README.md", "pytorch_model.bin"):
        (folder / name).write_text("{}")
    names = {Path(path).name for path in checkpoint_files(str(folder))}
    assert names == {"config.json", WEIGHTS, "tokenizer.json", "special_tokens_map.json"}
    assert checkpoint_files("owner/name") == []


def test_a_mistake_on_the_command_line_of_the_interchange_is_one_line(folder, tmp_path, monkeypatch):
    described(folder).write(folder / "model.json")
    monkeypatch.chdir(tmp_path)
    found = {
        "nothing.json": "nothing.json: No such file",
        "m/model.json": "masks/model.",
    }  # of the second masks are missing
    for manifest, told in found.items():
        arguments = ["import-region", "masks", "out.safetensors", manifest, "core", "top", "0.03", "9", "ru"]
        monkeypatch.setattr(sys, "argv", ["interchange", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("langatlas.interchange", run_name="__main__")
        assert ended.value.code.startswith(f"langatlas.interchange: {told}")
        assert "\n" not in ended.value.code


def test_importances_regions_and_activations_of_replaced_weights_are_refused(tmp_path):
    paths = []
    for number, made_from in enumerate(("old", "new")):
        model, place = tiny_llama(seed=number), tmp_path / made_from
        place.mkdir()
        masks = {n: np.ones(tuple(p.shape), bool) for n, p in model.named_parameters() if ".mlp." in n}
        known = {"model": "tiny", "model_hash": made_from, "model_type": "llama", "region": "core"}
        region.save(place / "region.safetensors", masks, known)
        found = activations_of(
            model, random_sequences(3), reading="gate", keep_means=0, batch_size=2, precision="float32"
        )
        found.write(place / "activations.safetensors", importance_metadata(model_hash=made_from, reading="gate"))
        rows = pa.Table.from_pandas(pd.DataFrame({"model": ["tiny"], "language": ["ru"]}))
        pq.write_table(rows.replace_schema_metadata({"model_hash": made_from, "model": "tiny"}), place / "rows.parquet")
        paths.append(place)
    old, new = paths
    with pytest.raises(
        ValueError, match=r"new.region.safetensors \(new\) and .*\(old\) are regions of different models"
    ):
        densities([str(old / "region.safetensors"), str(new / "region.safetensors")])
    refused = (
        r"old.activations.safetensors: activations of model tiny \(old\), not of the model that is used here \(new\)"
    )
    with pytest.raises(ValueError, match=refused):
        open_together([str(old / "activations.safetensors")], "new")
    with pytest.raises(ValueError, match=r"rows.parquet: activations of model tiny \(old\), not .* \(new\)"):
        read_extremes(old / "rows.parquet", "new")
    with pytest.raises(ValueError, match=r"measured on different weights of model tiny \(new and old\)"):
        read_measured([old / "rows.parquet", new / "rows.parquet"])
    assert len(read_measured([old / "rows.parquet", old / "rows.parquet"])) == 2


def test_importances_of_replaced_weights_are_refused(tmp_path):
    from langatlas.locate.importance import importance_of_shard

    settings = {"batch_size": 3, "reduction": "corrected", "precision": "float32"}
    path = str(tmp_path / "ru.safetensors")
    importance_of_shard(tiny_llama(), random_sequences(4), [4], [path], importance_metadata(), **settings)
    check_importances([path], "abc")
    with pytest.raises(ValueError, match=r"ru.safetensors: importances of model tiny \(abc\), not .* \(other\)"):
        check_importances([path], "other")
