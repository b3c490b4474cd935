"""The lock of a killed run is taken away when nothing of it lives any more, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from langatlas import interrupted

LOCK = Path(".snakemake/locks/0.output.lock")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory of a run of this user that was killed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(interrupted, "LOOK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(interrupted, "ASK_SLURM_AGAIN_SECONDS", 0.05)
    LOCK.parent.mkdir(parents=True)
    LOCK.write_text("results/a.csv\n", encoding="utf-8")
    interrupted.sign()
    return tmp_path


@pytest.fixture
def process():
    """``process(*words, folder=…)`` starts a process with these words on its command line, which lives until its input ends."""
    started = []

    def start(*words: str, folder: str = ".") -> subprocess.Popen:
        command = [sys.executable, "-c", "print(flush=True); input()", *words]
        started.append(subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        started[-1].stdout.readline()  # it is there
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_the_lock_of_a_killed_run_is_taken_away_with_its_signature():
    interrupted.take_up()
    assert not LOCK.parent.exists()


def test_without_a_lock_there_is_nothing_to_do():
    LOCK.unlink()
    interrupted.take_up()
    assert LOCK.parent.exists()


def test_the_lock_of_a_run_that_lives_stays(process, caplog):
    other = process("snakemake", "--cores", "all")
    interrupted.take_up()
    assert LOCK.exists()
    assert f"another run of this folder is there: process {other.pid}" in caplog.text


def test_a_run_of_another_folder_and_a_process_that_is_no_run_do_not_count(process, tmp_path):
    (tmp_path / "other").mkdir()
    process("snakemake", "--cores", "all", folder=tmp_path / "other")
    process("something")
    interrupted.take_up()
    assert not LOCK.exists()


@pytest.mark.parametrize("who", ["somebody on {host}", "{user} on another-machine"])
def test_the_lock_of_another_user_or_machine_stays(who, caplog, monkeypatch):
    user, host = interrupted._myself().split(" on ")
    with open(interrupted.SIGNED, "a", encoding="utf-8") as file:
        file.write(who.format(user=user, host=host) + "\n")
    interrupted.take_up()
    assert LOCK.exists()
    assert who.format(user=user, host=host) in caplog.text


def test_the_lock_that_nobody_signed_stays():
    interrupted.SIGNED.unlink()
    interrupted.take_up()
    assert LOCK.exists()


@pytest.mark.parametrize(
    "words", [("-m", "snakemake", "--nolock", "--mode", "subprocess"), ("/home/x/.snakemake/scripts/tmp1.tokenize.py",)]
)
def test_a_job_that_outlived_its_run_is_waited_for(process, words, caplog, monkeypatch):
    job, seen = process(*words), []

    def slept(seconds: float) -> None:
        seen.append(LOCK.exists())
        if len(seen) == 3:
            job.kill()
            job.wait()

    monkeypatch.setattr(interrupted.time, "sleep", slept)
    interrupted.take_up()
    assert seen == [True] * 3
    assert not LOCK.exists()
    assert caplog.text.count("waiting for them") == 1
    assert f"kill {job.pid}" in caplog.text


def submitted(folder: Path, number: str, squeue: str, monkeypatch) -> None:
    """A job that SLURM knows under ``number`` had begun; ``squeue`` is a shell script."""
    (folder / ".snakemake/incomplete").mkdir()
    (folder / ".snakemake/incomplete/cmVzdWx0cw==").write_text(f'{{"external_jobid": "{number}"}}', encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin/squeue").write_text(f"#!/bin/sh\n{squeue}\n", encoding="utf-8")
    (folder / "bin/squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


@pytest.mark.parametrize("number", ["12", "12_3"])
def test_jobs_that_wait_or_run_in_slurm_are_waited_for(folder, number, caplog, monkeypatch):
    (folder / "queue").write_text(f"7\n{number}\n", encoding="utf-8")
    submitted(folder, number, f"cat {folder}/queue", monkeypatch)
    monkeypatch.setattr(
        interrupted.time, "sleep", lambda seconds: LOCK.exists() and (folder / "queue").write_text("7\n", "utf-8")
    )
    interrupted.take_up()
    assert not LOCK.exists()
    assert f"its SLURM jobs {number} are still there: waiting for them (or: scancel {number})" in caplog.text


def test_where_slurm_does_not_answer_the_lock_stays_and_the_message_says_what_to_do(folder, monkeypatch):
    submitted(folder, "12", "echo slurm_load_jobs error >&2; exit 1", monkeypatch)
    with pytest.raises(ValueError, match=r"SLURM jobs 12 may still run.*call snakemake --unlock"):
        interrupted.take_up()
    assert LOCK.exists()


def test_where_no_job_was_submitted_slurm_is_not_asked(folder, monkeypatch):
    submitted(folder, "", "exit 1", monkeypatch)
    interrupted.take_up()
    assert not LOCK.exists()
