"""Fixtures on a real SLURM of one node (see cluster.py)."""

import logging

import pytest

from cluster import PACKAGES, Cluster, missing_programs


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A SLURM of our own, gone at the end of the session."""
    if missing := missing_programs():
        pytest.skip(f"no SLURM on this machine ({', '.join(missing)} missing): apt-get install {PACKAGES}")
    cluster = Cluster(tmp_path_factory.mktemp("slurm") / "cluster")
    try:
        cluster.start()
        yield cluster
        log_jobs(cluster)
    finally:
        cluster.stop()


def log_jobs(cluster: Cluster) -> None:
    """One line a job, seen with ``--log-cli-level=info``."""
    jobs = cluster.jobs()
    first = min((job.start for job in jobs if job.start), default=0.0)
    for job in jobs:
        when = f"started after {job.start - first:5.1f} s, ran {job.end - job.start:5.1f} s" if job.start else "-"
        line = f"{job.number:3} {job.name:62} {job.state:9} limit {job.limit_minutes:3} min, gpu {job.gpus}, {when}"
        logging.getLogger("slurm").info(line)
