"""Going on after a run that was killed (SIGKILL, too little memory): its lock is taken away, its last jobs are waited for.

Snakemake locks the files of a run in ``.snakemake/locks`` of its working directory and unlocks them when it ends. Killed, it
cannot; its jobs live on; and the next start is refused, as it would be beside a run that is still there. Here each run signs
its lock with user and machine (``sign``), in the same folder, so that the signature goes when the lock goes. The next start
takes the lock away (``take_up``) where all who signed it are this user on this machine and none of their processes lives.
Whatever cannot be asked from here, a run of somebody else or on another machine, is left to Snakemake, which refuses to start.
"""

import getpass
import json
import logging
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import psutil

log = logging.getLogger(__name__)
LOCKS = Path(".snakemake", "locks")
SIGNED = LOCKS / "signed"  # JSON lines: who, slurm. Snakemake reads names that end in .lock
LOOK_AGAIN_SECONDS, ASK_SLURM_AGAIN_SECONDS = 1, 20


def preceded(function: Callable, first: Callable[..., None]) -> Callable:
    """``function``, and before it ``first`` with the same arguments.

    Not in a file of rules: Snakemake would name that file as the origin of every error that comes through it.
    """

    @wraps(function)
    def both(*arguments, **settings):
        first(*arguments, **settings)
        return function(*arguments, **settings)

    return both


def sign(slurm: str | None) -> None:
    """Write under the lock of this run who holds it. To be called when the lock is there.

    ``slurm``: the name that all jobs of this run have in SLURM; None where it submits none.
    """
    with open(SIGNED, "a", encoding="utf-8") as file:
        file.write(json.dumps({"who": _myself(), "slurm": slurm}) + "\n")


def take_up() -> None:
    """Take away the lock of runs in this working directory that were killed, after their last jobs have ended.

    What those jobs finish counts, so nothing is computed twice. Does nothing where a run may still live.
    """
    if not any(LOCKS.glob("*.lock")):
        return
    signed = _signatures()
    if others := ", ".join(sorted({one["who"] for one in signed} - {_myself()})):
        log.warning("the lock of this folder is of %s: whether that run still lives cannot be seen from here", others)
        return
    told = set()
    while True:
        runs, jobs = _processes_here()
        if runs:
            log.warning("another run of this folder is there: process %s", ", ".join(map(str, runs)))
            return
        submitted = _slurm_jobs([one["slurm"] for one in signed if one["slurm"]])
        if not jobs and not submitted:
            break
        kind, end, left = ("SLURM jobs", "scancel", submitted) if submitted else ("processes", "kill", jobs)
        if kind not in told:
            names, waits = " ".join(map(str, left)), "are still there: waiting for them"
            log.warning("the last run was killed, its %s %s %s (or: %s %s)", kind, names, waits, end, names)
            told.add(kind)
        time.sleep(ASK_SLURM_AGAIN_SECONDS if submitted else LOOK_AGAIN_SECONDS)
    log.warning("the last run of this folder was killed; going on where it was")
    shutil.rmtree(LOCKS)


def _signatures() -> list[dict]:
    """Who holds the lock. Of a signature that is missing or was not written to its end nothing is known."""
    unknown = {"who": "someone unknown", "slurm": None}
    if not SIGNED.exists():
        return [unknown]
    try:
        return [json.loads(line) for line in SIGNED.read_text(encoding="utf-8").splitlines()] or [unknown]
    except ValueError:
        return [unknown]


def _myself() -> str:
    return f"{getpass.getuser()} on {platform.node()}"


def _processes_here() -> tuple[list[int], list[int]]:
    """Process ids of runs of Snakemake in this working directory other than this one, and of jobs of runs."""
    runs, jobs = [], []
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command = process.info["cmdline"] or []  # none: a zombie, or somebody else's
        if process.pid in mine or process.info["cwd"] != os.getcwd() or not _is_snakemake(command):
            continue
        is_job = "--nolock" in command or any("/.snakemake/scripts/" in word for word in command)
        (jobs if is_job else runs).append(process.pid)
    return runs, jobs


def _is_snakemake(command: list[str]) -> bool:
    return (
        bool(command) and "python" in Path(command[0]).name.lower() and any("snakemake" in word for word in command[1:])
    )


def _slurm_jobs(names: list[str]) -> list[str]:
    """Numbers of the jobs of these names that wait or run. Raises ValueError where SLURM does not answer."""
    if not names:
        return []
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--name={','.join(names)}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(
            f"the last run was killed and its SLURM jobs, of the name {' '.join(names)}, may still be there, but squeue does "
            f"not answer ({error}); when they have ended, call snakemake --unlock and start again"
        ) from None
