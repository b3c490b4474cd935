"""The lock of a killed run is taken away when nothing of it lives any more, and only then."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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
    interrupted.sign(None)
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
        file.write(json.dumps({"who": who.format(user=user, host=host), "slurm": None}) + "\n")
    interrupted.take_up()
    assert LOCK.exists()
    assert who.format(user=user, host=host) in caplog.text


@pytest.mark.parametrize("signature", [None, "", '{"who": "ro'])
def test_the_lock_that_nobody_signed_to_the_end_stays(signature, caplog):
    interrupted.SIGNED.unlink()
    if signature is not None:
        interrupted.SIGNED.write_text(signature, encoding="utf-8")
    interrupted.take_up()
    assert LOCK.exists()
    assert "someone unknown" in caplog.text


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

    monkeypatch.setattr(interrupted, "time", SimpleNamespace(sleep=slept))
    interrupted.take_up()
    assert seen == [True] * 3
    assert not LOCK.exists()
    assert caplog.text.count("waiting for them") == 1
    assert f"kill {job.pid}" in caplog.text


@pytest.fixture
def squeue(folder, monkeypatch):
    """``squeue(script)``: a run whose jobs SLURM knows as NAME, and a shell script in place of SLURM's own command."""

    def make(script: str) -> None:
        interrupted.SIGNED.unlink()
        interrupted.sign("NAME")
        (folder / "bin").mkdir()
        (folder / "bin/squeue").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "bin/squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")

    return make


def test_jobs_that_wait_or_run_in_slurm_are_waited_for(folder, squeue, caplog, monkeypatch):
    (folder / "queue").write_text("7 NAME\n8 other\n9_3 NAME\n", encoding="utf-8")
    squeue(f"name=${{4#--name=}}; [ $# = 4 ] && grep \" $name$\" {folder}/queue | cut -d' ' -f1")
    seen = []

    def slept(seconds: float) -> None:
        seen.append(LOCK.exists())
        (folder / "queue").write_text("8 other\n" if len(seen) == 2 else "9_3 NAME\n", "utf-8")

    monkeypatch.setattr(interrupted, "time", SimpleNamespace(sleep=slept))
    interrupted.take_up()
    assert seen == [True, True]
    assert not LOCK.exists()
    assert caplog.text.count("its SLURM jobs 7 9_3 are still there: waiting for them (or: scancel 7 9_3)") == 1


def test_where_slurm_does_not_answer_the_lock_stays_and_the_message_says_what_to_do(squeue):
    squeue("echo slurm_load_jobs error >&2; exit 1")
    with pytest.raises(ValueError, match=r"SLURM jobs, of the name NAME, may still be there.*call snakemake --unlock"):
        interrupted.take_up()
    assert LOCK.exists()
