"""A run that was killed is continued by the same command; two runs at once are still refused."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "workflow_scripts", "schemas", "config", "config.yaml", "resources", "report", "envs")
CORPUS = Path("results/smoke/corpora/smoke")
TARGETS = [f"{CORPUS / language}/stats.json" for language in ("en", "ru")]
# As the README says it, on two small jobs.
COMMAND = (sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", "config/smoke.yaml", "--", *TARGETS)
# A start-up file of Python: the job of Russian, its files written under temporary names, stops for as long as WAIT exists.
SLOW = """
import os, time

rename = os.replace


def replace(source, target):
    while "ru/test.parquet" in str(target) and os.path.exists(os.environ["WAIT"]):
        time.sleep(0.05)
    rename(source, target)


os.replace = replace
"""


@pytest.fixture
def folder(tmp_path):
    for part in (*PARTS, "profiles"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(SLOW, encoding="utf-8")
    return tmp_path


def start(folder: Path) -> subprocess.Popen:
    """The command in a process group of its own, with what it says in a file."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "slow"), "WAIT": str(folder / "wait")}
    with open(folder / "said.txt", "w") as said:
        return subprocess.Popen(COMMAND, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True)


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text(encoding="utf-8")


def wait_until(ready, process: subprocess.Popen, folder: Path) -> None:
    end = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, said(folder)[-4000:]
        assert time.monotonic() < end, said(folder)[-4000:]
        time.sleep(0.05)


def half_written(folder: Path) -> list[Path]:
    return list(folder.joinpath(CORPUS).rglob(".*.partial*"))


def in_the_middle(folder: Path) -> subprocess.Popen:
    """A run that knows its English corpus to be complete and whose Russian one is about to get its name."""
    (folder / "wait").touch()
    process = start(folder)
    wait_until(lambda: "1 of 2 steps" in said(folder) and half_written(folder), process, folder)
    return process


def products(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.joinpath(CORPUS).rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_the_same_command_goes_on_after_a_run_was_killed_and_two_runs_at_once_are_refused(folder):
    run = in_the_middle(folder)
    english = (folder / TARGETS[0]).stat().st_mtime_ns
    beside = start(folder)
    assert beside.wait() == 1
    assert "another run of this folder is there: process" in said(folder)
    assert "LockException" in said(folder)
    assert run.poll() is None
    run.kill()  # and not its job
    run.wait()
    waiting = start(folder)
    wait_until(lambda: "waiting for them" in said(folder), waiting, folder)
    for one in (run, waiting):
        os.killpg(one.pid, signal.SIGKILL)
    waiting.wait()
    assert half_written(folder), "it was to be killed while it wrote"
    (folder / "wait").unlink()
    assert start(folder).wait() == 0, said(folder)[-4000:]
    assert (folder / TARGETS[0]).stat().st_mtime_ns == english, "what was complete is not made again"
    assert half_written(folder) == []
    assert not (folder / ".snakemake" / "locks").exists()
    killed = products(folder)
    shutil.rmtree(folder / CORPUS)
    assert start(folder).wait() == 0, said(folder)[-4000:]
    assert products(folder) == killed
