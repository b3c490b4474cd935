"""Files are written whole or not at all, and what killed jobs leave behind goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from langatlas.files import _host, atomic

WRITING = """
import os, sys
from langatlas.files import atomic
with atomic(sys.argv[1]) as path:
    path.write_text("half")
    print(flush=True)
    input()
"""


def writer(target: Path) -> subprocess.Popen:
    """A process in the middle of writing ``target``."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "workflow_scripts")}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    process.stdout.readline()
    return process


def write(target: Path, text: str = "whole") -> None:
    with atomic(target) as path:
        path.write_text(text)


def halves(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".*"))


@pytest.mark.parametrize("name", ["00000.arrow", "top-0.05.safetensors", "a[1].csv", "manifest"])
def test_what_a_killed_job_left_is_gone_when_the_same_file_is_written_again(tmp_path, name):
    job = writer(tmp_path / name)
    job.kill()
    job.communicate()
    assert len(halves(tmp_path)) == 1
    assert not (tmp_path / name).exists()
    write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_living_process_writes_stays(tmp_path):
    job = writer(tmp_path / "a.csv")
    write(tmp_path / "a.csv")
    assert len(halves(tmp_path)) == 1
    assert (tmp_path / "a.csv").read_text() == "whole"
    job.communicate(b"\n")
    assert (job.returncode, (tmp_path / "a.csv").read_text(), halves(tmp_path)) == (0, "half", [])


@pytest.mark.parametrize("left", [f".a.node-7-{os.getpid()}.partial.csv", ".a.1.partial.csv"], ids=["node", "earlier"])
def test_what_another_machine_or_an_earlier_release_left_is_gone_as_one_job_at_a_time_writes_a_file(tmp_path, left):
    (tmp_path / left).touch()
    write(tmp_path / "a.csv")
    assert halves(tmp_path) == []


@pytest.mark.parametrize("left", [".a.b.host-1.partial.csv", ".a.host-1.partial.md", ".b.host-1.partial.csv", ".a.csv"])
def test_files_of_other_names_stay(tmp_path, left):
    (tmp_path / left).touch()
    write(tmp_path / "a.csv")
    assert halves(tmp_path) == [left]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write(tmp_path / "a.csv", "old")
    with pytest.raises(AttributeError), atomic(tmp_path / "a.csv") as path:
        path.touch().fails()
    assert ((tmp_path / "a.csv").read_text(), halves(tmp_path)) == ("old", [])


def test_two_machines_with_the_same_process_id_share_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr("langatlas.files.platform.node", lambda: "node-1.cluster")
    assert _host() == "node-1-cluster"
    with atomic(tmp_path / "a.csv") as first:
        monkeypatch.setattr("langatlas.files.platform.node", lambda: "node-2.cluster")
        with atomic(tmp_path / "a.csv") as second:
            assert first != second
            second.touch()
        first.touch()
