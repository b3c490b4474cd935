"""Several processes for one job: starting them on one node or many, and what each does first. One process a device.

A job's script starts ``python -m MODULE JOB.json`` once a device: itself on its own node, through ``srun`` on several.
Each process reads its rank from the environment and joins the others; the first that fails ends all of them.
"""

import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread

from langatlas.files import atomic
from langatlas.provenance import PACKAGE

log = logging.getLogger(__name__)
# Ranks wait for each other while one writes a large file or measures a long test text.
PATIENCE = timedelta(hours=12)


def start(module: str, job: dict, path: str | os.PathLike, *, count: int, nodes: int, threads: int) -> None:
    """Run ``module`` in ``count`` processes on each of ``nodes`` nodes with ``job`` in a file at ``path``, and wait.

    ``threads``: of this job on its node, or, as SLURM counts where there are several, of each process.
    ``path`` lies where every node sees it and is removed afterwards. What processes say goes to the log. Raises ValueError
    when one fails.
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(job), encoding="utf-8")
    environment = os.environ | {
        "MASTER_ADDR": socket.gethostname() if nodes > 1 else "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": str(threads if nodes > 1 else max(1, threads // count)),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-P", "-m", module, os.fspath(path)]  # -P: the working directory is no place for modules
    log.info("%d process(es) on each of %d node(s): %s", count, nodes, " ".join(command))
    if nodes > 1:
        commands = [(_srun(count, nodes, threads) + command, environment)]
    else:
        ranks = ({"RANK": str(r), "LOCAL_RANK": str(r), "WORLD_SIZE": str(count)} for r in range(count))
        commands = [(command, environment | rank) for rank in ranks]
    try:
        _run_together(commands)
    finally:
        Path(path).unlink(missing_ok=True)


def _srun(count: int, nodes: int, threads: int) -> list[str]:
    return [
        *("srun", f"--nodes={nodes}", f"--ntasks={nodes * count}", f"--ntasks-per-node={count}"),
        *(f"--cpus-per-task={threads}", "--kill-on-bad-exit=1"),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _run_together(commands: Sequence[tuple[list[str], dict[str, str]]]) -> None:
    """Run all commands at once; when one fails the others, which may be waiting for it for ever, are ended."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    running = [subprocess.Popen(command, env=environment, **pipes) for command, environment in commands]
    readers = [Thread(target=_relay, args=[process.stdout], daemon=True) for process in running]
    for reader in readers:
        reader.start()
    try:
        while any(process.poll() is None for process in running):
            if any(process.poll() for process in running):
                break
            time.sleep(0.1)
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
        codes = [process.wait() for process in running]
        for reader in readers:
            reader.join()
    if failed := [code for code in codes if code not in (0, -signal.SIGTERM)] or [code for code in codes if code]:
        raise ValueError(f"a process of this job failed (exit status {failed[0]}); its own message is above")


def _relay(lines: Iterable[str]) -> None:
    """Write what a process says to this one's log."""
    for line in lines:
        if line.strip():
            log.info("%s", line.rstrip().rpartition("\r")[2])


@contextmanager
def joined() -> Iterator[tuple[int, int]]:
    """What a process does first and last: take its rank, say only what matters, meet the others. Yields (rank, processes)."""
    import torch
    import torch.distributed

    _end_with_parent()
    for ours, of_slurm in (("RANK", "SLURM_PROCID"), ("LOCAL_RANK", "SLURM_LOCALID"), ("WORLD_SIZE", "SLURM_NTASKS")):
        if ours not in os.environ:
            os.environ[ours] = os.environ[of_slurm]
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    logging.basicConfig(level=logging.WARNING, format=f"[{rank}] %(message)s", force=True)
    logging.getLogger("langatlas").setLevel(logging.ERROR if rank else logging.INFO)
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")  # DeepSpeed's calls, not ours
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    try:
        _meet()
        yield rank, world
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    except Exception as error:
        log.error("process %d of %d failed: %s", rank, world, error, exc_info=not isinstance(error, ValueError))
        logging.shutdown()
        os._exit(1)  # the others wait in a collective call: an orderly end would wait for them


def _meet() -> None:
    """Join the process group through DeepSpeed: NCCL where there are GPUs, else gloo."""
    import torch

    gpu = torch.cuda.is_available()
    if gpu:  # where SLURM binds one GPU to each task, every task sees it as number 0
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    else:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)  # it sets its own when it is imported
    if not gpu:  # an optional extension for shared memory, which it would compile for most of a minute
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed("nccl" if gpu else "gloo", timeout=PATIENCE, verbose=False)


def _end_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
