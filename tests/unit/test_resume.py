"""An importance job that is killed goes on where it was: the same bits as without a break, and nothing done twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from langatlas.locate import distributed, importance
from langatlas.locate.importance_files import FORMAT
from langatlas.locate.resume import FORMAT as SUMS
from langatlas.models import checkpoint
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences, tiny_llama, write_shard

pytestmark = pytest.mark.usefixtures("one_thread")
MILESTONES = [8, 20]  # of 3 sequences a micro-batch: three of them, then four
TENSORS = len(list(tiny_llama().parameters()))
ALWAYS = 1e-9  # minutes: sums are written after every micro-batch
# Kills itself at the COUNT-th call of what WHERE says: a micro-batch, or a tensor that is written.
DEADLY = """
import json, os, signal, sys
from langatlas.locate import distributed, importance
from langatlas.tensorfile import TensorWriter
path, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
place, name = {"batch": (importance, "token_nll"), "write": (TensorWriter, "write")}[where]
left, whole = [count], getattr(place, name)
def deadly(*arguments):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments)
setattr(place, name, deadly)
distributed.run(json.load(open(path)), engine="single", processes=None, nodes=1, threads=1)
"""


def saved_model(folder: Path, seed: int = 0) -> dict:
    """Manifest of a model that lies in ``folder``, in the place of any that lay there before."""
    tiny_llama(seed).save_pretrained(folder / "model")
    return vars(checkpoint.describe(folder / "model", "tiny", revision="1", dtype="float32"))


@pytest.fixture
def job(tmp_path) -> dict:
    """A job as accumulate_gradients makes it, in a folder of its own."""
    return {
        "manifest": saved_model(tmp_path),
        "shard": write_shard(tmp_path / "s.arrow", random_sequences(20, seed=2)),
        "milestones": MILESTONES,
        "outputs": [str(tmp_path / "shards" / f"{m}-00000.safetensors") for m in MILESTONES],
        "metadata": importance_metadata(),
        "stats": str(tmp_path / "shards" / "00000.json"),
        "offload": False,
        "checkpoint_minutes": ALWAYS,
        "settings": {"batch_size": 3, "reduction": "corrected", "precision": "float32"},
    }


def folder(job: dict) -> Path:
    return Path(job["stats"].replace(".json", ".resume"))


def run(job: dict) -> None:
    distributed.run(job, engine="single", processes=None, nodes=1, threads=1)


def remove_outputs(job: dict) -> None:
    """As Snakemake does before it tries a failed job again."""
    for path in [*job["outputs"], job["stats"]]:
        Path(path).unlink(missing_ok=True)


def uninterrupted(job: dict, tmp_path: Path) -> list[bytes]:
    """The files of the same job run once, without anything kept."""
    outputs = [str(tmp_path / "whole" / Path(path).name) for path in job["outputs"]]
    run(job | {"outputs": outputs, "stats": str(tmp_path / "whole" / "stats.json"), "checkpoint_minutes": 0})
    assert {path.name for path in (tmp_path / "whole").iterdir()} == {*map(os.path.basename, outputs), "stats.json"}
    return [Path(path).read_bytes() for path in outputs]


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """Sequences of every micro-batch that this process computes from here on."""
    seen, whole = [], importance.token_nll
    monkeypatch.setattr(
        importance, "token_nll", lambda model, batch: seen.append(len(batch.index)) or whole(model, batch)
    )
    return seen


def killed(job: dict, where: str, count: int) -> None:
    path = Path(job["stats"]).parent.parent / "job.json"
    path.write_text(json.dumps(job))
    scripts = str(Path(__file__).parents[2] / "workflow_scripts")
    environment = os.environ | {"PYTHONPATH": scripts, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DEADLY, str(path), where, str(count)]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize("reduction", ["corrected", "published"])
def test_a_job_that_is_killed_twice_ends_with_the_same_bits_and_computes_no_batch_again(
    job, reduction, tmp_path, counted
):
    job["settings"]["reduction"] = reduction
    expected = uninterrupted(job, tmp_path)
    assert counted == [3, 3, 2, 3, 3, 3, 3]
    # at the third micro-batch: sums of two stand there
    killed(job, "batch", 3)
    assert json.loads(TensorFile(folder(job) / "sums.safetensors", SUMS).metadata["progress"])["samples"] == 6
    remove_outputs(job)
    # the sums of the third, the first milestone, the sums of the fourth; half of the sums of the fifth
    killed(job, "write", 3 * TENSORS + 5)
    assert [path.name for path in folder(job).glob(".*.partial*")], "it was to be killed while it wrote"
    assert Path(job["outputs"][0]).exists()
    remove_outputs(job)
    half = (
        Path(job["stats"]).parent / ".20-00000.node-7.partial.safetensors"
    )  # as of a milestone that was being written
    half.touch()
    counted.clear()
    run(job)
    assert counted == [3, 3, 3]
    assert [Path(path).read_bytes() for path in job["outputs"]] == expected
    assert not folder(job).exists()
    assert not half.exists()
    assert json.loads(Path(job["stats"]).read_text())["samples"] == 20


class Stop(Exception):
    """Ends a job in this process."""


def stopped(job: dict, monkeypatch, place, name: str, count: int) -> None:
    """Run the job and stop it at the count-th call of a function."""
    left, whole = [count], getattr(place, name)

    def stopping(*arguments):
        left[0] -= 1
        if not left[0]:
            raise Stop
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, stopping)
        with pytest.raises(Stop):
            run(job)
    remove_outputs(job)


@pytest.mark.parametrize("batch", [4, 5, 7])
def test_a_finished_milestone_is_not_written_again(job, batch, tmp_path, monkeypatch):
    expected = uninterrupted(job, tmp_path)
    stopped(job, monkeypatch, importance, "token_nll", batch)
    written, whole = [], importance.write_products
    monkeypatch.setattr(importance, "write_products", lambda path, *rest: written.append(path) or whole(path, *rest))
    run(job)
    assert written == job["outputs"][1:]
    assert [Path(path).read_bytes() for path in job["outputs"]] == expected


def test_a_job_that_was_killed_after_its_last_milestone_computes_nothing(job, tmp_path, monkeypatch, counted):
    expected = uninterrupted(job, tmp_path)
    stopped(job, monkeypatch, distributed, "write_progress", 1)
    counted.clear()
    run(job)
    assert counted == []
    assert [Path(path).read_bytes() for path in job["outputs"]] == expected
    assert json.loads(Path(job["stats"]).read_text())["samples"] == 20


@pytest.mark.parametrize("changed", ["settings", "model", "shard", "code"])
def test_sums_of_another_model_text_setting_or_code_are_thrown_away(job, changed, tmp_path, monkeypatch, counted):
    stopped(job, monkeypatch, importance, "token_nll", 6)
    if changed == "settings":
        job["settings"]["batch_size"] = 4
    elif changed == "model":
        job["manifest"] = saved_model(tmp_path, seed=1)
    elif changed == "shard":
        write_shard(Path(job["shard"]), random_sequences(20, seed=3))
    else:
        job["metadata"]["code"] = "newer"
    expected = uninterrupted(job, tmp_path)
    counted.clear()
    run(job)
    assert sum(counted) == 20
    assert [Path(path).read_bytes() for path in job["outputs"]] == expected


def test_sums_are_written_only_when_it_is_time(job, monkeypatch):
    job["checkpoint_minutes"] = 10
    clock, saved, whole = [0.0], [], importance.token_nll

    def four_minutes(model, batch):
        path = folder(job) / "sums.safetensors"
        saved.append(json.loads(TensorFile(path, SUMS).metadata["progress"])["samples"] if path.exists() else None)
        clock[0] += 240
        return whole(model, batch)

    monkeypatch.setattr("langatlas.locate.resume.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(importance, "token_nll", four_minutes)
    run(job)
    assert saved == [None, None, None, 8, 8, 8, 17]


def test_sums_are_those_of_the_gradients_in_float32(job, monkeypatch):
    stopped(job, monkeypatch, importance, "token_nll", 4)
    milestone, sums = (
        TensorFile(folder(job) / n, f) for n, f in (("8-00000.safetensors", FORMAT), ("sums.safetensors", SUMS))
    )
    for name, parameter in tiny_llama().named_parameters():
        np.testing.assert_array_equal(milestone[name], parameter.detach().numpy() * sums[name])
