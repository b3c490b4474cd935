"""Logging of a job: to its own log file and to the terminal, with what a later reader needs at its head and foot.

Not part of any rule's code version (see ``provenance.code_version``): a change here never reruns a computation.
"""

import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langatlas.provenance import package_versions

PEAK_UNIT = 1024 if sys.platform == "linux" else 1  # getrusage counts KiB on Linux, bytes on macOS


def peak_memory_gib() -> float:
    """Largest resident memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 2**30


@contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Log to ``snakemake.log[0]`` and stderr; at the end write wall time and peak memory; log an exception too.

    Takes the object that snakemake hands to a script, so that entry points need one line.
    """
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)]
    logging.basicConfig(
        level=logging.INFO, handlers=handlers, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    for noisy in ("httpx", "filelock", "matplotlib", "fontTools", "PIL", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    log = logging.getLogger("langatlas")
    log.info("%s %s on %s, process %d", snakemake.rule, dict(snakemake.wildcards), platform.node(), os.getpid())
    log.info("versions: %s", package_versions())
    started = time.perf_counter()
    try:
        yield log
    except BaseException as error:
        log.error(
            "failed after %.1f s: %s", time.perf_counter() - started, error, exc_info=not isinstance(error, ValueError)
        )
        if isinstance(error, ValueError):  # our own errors are written for the user: the traceback adds nothing
            raise SystemExit(1) from None
        raise
    log.info("done in %.1f s, peak memory %.2f GiB", time.perf_counter() - started, peak_memory_gib())
