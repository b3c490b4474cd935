"""Two processes give what one gives: importance under ZeRO 2 and 3 against the plain sum, and how processes are run."""

import json
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from langatlas import tokens
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.models import checkpoint, processes
from langatlas.models.nll import batches
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences, tiny_llama

HERE = Path(__file__).parent
SEQUENCES = random_sequences(11, seed=4)
# name: dtype, engine, offload, batch size, reduction, milestones. Two processes share 11 sequences: never alike.
CASES = {
    "zero2": ("float32", "zero2", False, 2, "corrected", [3, 11]),
    "zero3": ("float32", "zero3", False, 2, "corrected", [3, 11]),
    "zero2-published": ("float32", "zero2", False, 2, "published", [11]),
    "zero3-published": ("float32", "zero3", False, 2, "published", [11]),
    "zero2-offload": ("float32", "zero2", True, 2, "corrected", [3, 8]),
    "zero3-offload": ("float32", "zero3", True, 2, "corrected", [3, 8]),
    "zero2-bfloat16": ("bfloat16", "zero2", False, 1, "corrected", [3, 11]),
    "zero3-bfloat16": ("bfloat16", "zero3", False, 1, "corrected", [3, 11]),
    "one-sample": ("float32", "zero2", False, 2, "corrected", [1]),
}


def write_shard(path: Path, sequences) -> str:
    schema = pa.schema(tokens.SCHEMA, metadata={"format": tokens.FORMAT})
    rows = [{"input_ids": ids, "n_bytes": 1, "n_characters": 1} for ids in sequences]
    with pa.ipc.new_stream(str(path), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
    return str(path)


def case(folder: Path, name: str, shard: str, dtype, engine, offload, batch_size, reduction, milestones) -> dict:
    manifest = checkpoint.Manifest("tiny", str(folder / dtype), "1", "llama", 23, "abc", dtype)
    return {
        "manifest": vars(manifest),
        "shard": shard,
        "milestones": milestones,
        "outputs": [str(folder / f"{name}-{m}.safetensors") for m in milestones],
        "metadata": importance_metadata(),
        "stats": str(folder / f"{name}.json"),
        "offload": offload,
        "engine": engine,
        "settings": {"batch_size": batch_size, "reduction": reduction, "precision": "float32"},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> dict:
    """All cases in one start of two processes, as it costs more than they do. The last has a model that one of them fails on."""
    folder = tmp_path_factory.mktemp("spread")
    for dtype in ("float32", "bfloat16"):
        tiny_llama(dtype=getattr(torch, dtype)).save_pretrained(folder / dtype)
    cases = {
        name: case(folder, name, write_shard(folder / "s.arrow", SEQUENCES), *what) for name, what in CASES.items()
    }
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[5] = float("nan")
    model.save_pretrained(folder / "nan" / "float32")
    bad = [np.array([1, 2, 3], np.uint32), np.array([1, 5, 3], np.uint32)]  # the second sequence: the second process
    broken = case(
        folder / "nan", "nan", write_shard(folder / "bad.arrow", bad), *CASES["zero2"][:3], 1, "corrected", [2]
    )
    said, failure = [], None
    relay = logging.Handler()
    relay.emit = lambda record: said.append(record.getMessage())
    processes.log.addHandler(relay)
    processes.log.setLevel(logging.INFO)
    before, started = os.environ.get("PYTHONPATH", ""), time.monotonic()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), before])
    try:
        job = {"cases": [*cases.values(), broken]}
        processes.start("distributed_cases", job, folder / "job.json", count=2, nodes=1, threads=2)
    except ValueError as error:
        failure = error
    finally:
        os.environ["PYTHONPATH"] = before
        processes.log.removeHandler(relay)
    seconds = time.monotonic() - started
    return {"cases": cases, "said": "\n".join(said), "failure": failure, "folder": folder, "seconds": seconds}


def difference(found: TensorFile, expected: TensorFile) -> float:
    """Largest relative error in the norm of a tensor, over all tensors."""
    assert found.names == expected.names
    errors = [np.linalg.norm(found[n] - expected[n]) / np.linalg.norm(expected[n]) for n in expected.names]
    return float(max(errors))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_sum_of_one(run, name, tmp_path):
    job = run["cases"][name]
    model = checkpoint.load(checkpoint.Manifest(**job["manifest"]), torch.device("cpu"))
    plain = [str(tmp_path / Path(path).name) for path in job["outputs"]]
    importance_of_shard(model, SEQUENCES, job["milestones"], plain, job["metadata"], **job["settings"])
    for path, reference in zip(job["outputs"], plain, strict=True):
        found, expected = TensorFile(path, FORMAT), TensorFile(reference, FORMAT)
        assert difference(found, expected) < 1e-6
        for key in ("samples", "tokens", "reduction"):
            assert found.metadata[key] == expected.metadata[key]
        assert float(found.metadata["nll_nats"]) == pytest.approx(float(expected.metadata["nll_nats"]), rel=1e-6)


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others_and_says_why(run):
    assert "a process of this job failed (exit status 1)" in str(run["failure"])
    assert "process 1 of 2 failed: the NLL of sequence 1 of this shard is nan, not finite" in run["said"]
    assert not list((run["folder"] / "nan").glob("*.safetensors"))
    assert not (run["folder"] / "job.json").exists()


def test_batches_are_dealt_out_once_each_and_equally_many():
    for count, size, world in ((11, 2, 2), (1, 2, 3), (9, 1, 4), (8, 2, 2)):
        sequences = random_sequences(count)
        parts = [list(batches(sequences, size, by_length=True, part=(rank, world))) for rank in range(world)]
        assert len({len(part) for part in parts}) == 1
        dealt = [batch.index.tolist() for turn in zip(*parts, strict=True) for batch in turn if len(batch.index)]
        assert dealt == [batch.index.tolist() for batch in batches(sequences, size, by_length=True)]
        empty = [batch for part in parts for batch in part if not len(batch.index)]
        assert all(batch.n_predicted == 0 for batch in empty)


# -- starting and ending processes, without torch ----------------------------------------------------------------------


def start(folder: Path, code: str, monkeypatch, *, nodes: int = 1) -> None:
    (folder / "worker_of_test.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    processes.start("worker_of_test", {"folder": str(folder)}, folder / "job.json", count=2, nodes=nodes, threads=6)


WRITES_ITS_RANK = """
import json, os, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS"]
found = {name: os.environ.get(name) for name in names}
pathlib.Path(job["folder"], "rank-" + (found["RANK"] or found["SLURM_PROCID"])).write_text(json.dumps(found))
"""


def test_each_process_of_a_node_knows_its_rank_and_where_to_meet(tmp_path, monkeypatch):
    start(tmp_path, WRITES_ITS_RANK, monkeypatch)
    found = [json.loads((tmp_path / f"rank-{r}").read_text()) for r in (0, 1)]
    assert [f["RANK"] for f in found] == [f["LOCAL_RANK"] for f in found] == ["0", "1"]
    assert {f["WORLD_SIZE"] for f in found} == {"2"}
    assert {f["OMP_NUM_THREADS"] for f in found} == {"3"}
    assert found[0]["MASTER_PORT"] == found[1]["MASTER_PORT"]
    assert not (tmp_path / "job.json").exists()


def test_a_process_that_waits_for_ever_ends_with_the_one_that_failed(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "langatlas")
    code = 'import os, sys, time\nif os.environ["RANK"] == "1":\n    sys.exit("no more memory")\ntime.sleep(300)\n'
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"failed \(exit status 1\)"):
        start(tmp_path, code, monkeypatch)
    assert time.monotonic() - started < 60
    assert "no more memory" in caplog.text


def test_several_nodes_are_started_through_srun(tmp_path, monkeypatch):
    """A stand-in for srun that runs all tasks here, with the variables that SLURM sets."""
    stand_in = tmp_path / "srun"
    stand_in.write_text(
        f"#!{sys.executable}\nimport os, subprocess, sys\n"
        "options = [a for a in sys.argv[1:] if a.startswith('--')]\n"
        f"open({str(tmp_path / 'options')!r}, 'w').write(' '.join(options))\n"
        "command = sys.argv[1 + len(options):]\n"
        "for task in range(4):\n"
        "    subprocess.run(command, check=True, env=os.environ | {'SLURM_PROCID': str(task)})\n",
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    start(tmp_path, WRITES_ITS_RANK, monkeypatch, nodes=2)
    options = (tmp_path / "options").read_text().split()
    assert options == ["--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=6", "--kill-on-bad-exit=1"]
    found = [json.loads((tmp_path / f"rank-{r}").read_text()) for r in range(4)]
    assert {f["MASTER_ADDR"] for f in found} == {os.uname().nodename}
    assert {f["OMP_NUM_THREADS"] for f in found} == {"6"}
    assert all(f["RANK"] is None for f in found), "SLURM tells a task its rank"


def test_deepspeed_is_not_imported_by_the_job_that_runs_on_one_device():
    code = "import sys, accumulate_gradients; sys.exit('deepspeed' in sys.modules)"
    path = os.pathsep.join([str(HERE.parents[1] / "workflow_scripts"), os.environ.get("PYTHONPATH", "")])
    assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", code], os.environ | {"PYTHONPATH": path}) == 0
