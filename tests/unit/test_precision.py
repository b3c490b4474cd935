"""What `precision: auto` stands for: the processor's choice, or the environment's; and that files say which it was."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.models import devices
from langatlas.models.precision import SWITCH
from langatlas.plan import memory
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences, tiny_llama

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
SCRIPTS = ROOT / "workflow_scripts"


def on_a_processor(monkeypatch, fast: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("word", "said"), [(None, None), ("", None), ("0", "float32"), ("1", "bfloat16")])
def test_the_environment_says_what_auto_is_and_else_the_processor(monkeypatch, fast, word, said):
    on_a_processor(monkeypatch, fast)
    monkeypatch.delenv(SWITCH, raising=False)
    if word is not None:
        monkeypatch.setenv(SWITCH, word)
    expected = said or ("bfloat16" if fast else "float32")
    assert devices.resolve_precision("auto", CPU) == expected
    for told in ("float32", "bfloat16"):
        assert devices.resolve_precision(told, CPU) == told
    settings = {"precision": "auto", "training": {"precision": "auto", "steps": 3}, "method": "precision"}
    computed = {"precision": expected, "training": {"precision": expected, "steps": 3}, "method": "precision"}
    assert devices.as_computed(settings) == computed
    assert memory.product_type("auto", has_gpu=True) == (said or "bfloat16")
    assert memory.product_type("auto", has_gpu=False) == (said or "float32")


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be one of auto, float32, bfloat16, got 'fp8'"):
        devices.resolve_precision("fp8", CPU)


def test_another_word_is_refused_before_any_job_starts(monkeypatch):
    monkeypatch.setenv(SWITCH, "yes")
    with pytest.raises(ValueError, match=r"LANGATLAS_BFLOAT16 must be 0 .* 1 .* or unset .*, got 'yes'"):
        devices.resolve_precision("auto", CPU)
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "LANGATLAS_BFLOAT16 must be 0" in run.stdout + run.stderr


def test_the_environment_is_read_in_one_place():
    naming = [path.name for path in SCRIPTS.rglob("*.py") if SWITCH in path.read_text(encoding="utf-8")]
    assert naming == ["precision.py"]


@pytest.mark.parametrize("word", ["0", "1"])
def test_the_switch_changes_what_is_computed_and_the_file_says_so(monkeypatch, tmp_path, word):
    monkeypatch.setenv(SWITCH, word)
    precision = {"0": "float32", "1": "bfloat16"}[word]
    files = {}
    for told in ("auto", precision):
        path = tmp_path / f"{told}.safetensors"
        settings = {"batch_size": 2, "reduction": "corrected", "precision": told}
        importance_of_shard(tiny_llama(), random_sequences(4), [4], [str(path)], importance_metadata("ru"), **settings)
        files[told] = TensorFile(path, FORMAT)
    assert files["auto"].metadata["precision"] == precision
    for name in files["auto"].names:
        np.testing.assert_array_equal(files["auto"][name], files[precision][name])
