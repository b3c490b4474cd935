"""Starting processes, telling them their ranks, and ending them together; without torch."""

import json
import logging
import os
import sys
import time
from pathlib import Path

import pytest

from langatlas.models import processes


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
