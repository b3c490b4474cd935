"""A SLURM of one node: munged, slurmctld and slurmd as processes of the caller, everything they write in one folder.

The node claims more than the machine has (8 CPUs, a terabyte of memory, 2 GPUs), so that the repository's own profile
and partitions can be used as they are. Nothing enforces memory; time limits and GPU indices are SLURM's own.
"""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = "slurmctld slurmd slurm-client munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct")
GPUS = ("/dev/null", "/dev/zero")  # any device file does, as nothing is ever written to it

# pgid, not linuxproc: linuxproc overlooks children with a new parent when a job is cancelled. Without accounting,
# squeue must remember finished jobs for as long as the tests take (MinJobAge). 127.0.0.1 needs no name service.
SLURM_CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
Prolog={folder}/prolog.sh
Epilog={folder}/epilog.sh
TaskProlog={folder}/task.sh
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=defer_batch=no,batch_sched_delay=0,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
MinJobAge=86400
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=2880 State=UP
PartitionName=gpu Nodes={host} MaxTime=2880 State=UP
"""
# What a job was given, written down by SLURM itself when it starts and ends, and by each of its steps.
RECORDERS = {
    "prolog": 'echo "start $SLURM_JOB_ID $(date +%s.%N) ${{SLURM_JOB_GPUS:--}}" >> {folder}/jobs.txt',
    "epilog": 'echo "end $SLURM_JOB_ID $(date +%s.%N) ${{SLURM_JOB_GPUS:--}}" >> {folder}/jobs.txt',
    "task": 'echo "task $SLURM_JOB_ID $(date +%s.%N) ${{CUDA_VISIBLE_DEVICES:--}}" >> {folder}/jobs.txt',
}


def find_program(name: str) -> str | None:
    """Path of a program; the daemons often stand where only root's PATH leads."""
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"]))


def missing_programs() -> list[str]:
    """Programs of SLURM and munge that this machine lacks."""
    return [program for program in PROGRAMS if find_program(program) is None]


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Job:
    """One SLURM job: what it was for, how it ended, when it ran (seconds since 1970), on which GPUs."""

    number: int
    name: str  # rule, a colon, wildcards
    state: str
    limit_minutes: int
    run: str  # one run of snakemake gives all its jobs the same name
    folder: Path
    start: float = 0.0
    end: float = 0.0
    gpus: str = "-"  # SLURM_JOB_GPUS: what SLURM has allotted
    visible: set[str] = field(default_factory=set)  # CUDA_VISIBLE_DEVICES: what its steps see

    @property
    def rule(self) -> str:
        return self.name.split(":")[0]


@dataclass
class Cluster:
    """The daemons and the folder in which they keep everything."""

    folder: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which SLURM's commands, and whatever calls them, find this cluster."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def call(self, *command: str) -> str:
        """Standard output of one of SLURM's commands."""
        answer = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if answer.returncode:
            raise RuntimeError(f"{' '.join(command)}: {answer.stderr}")
        return answer.stdout

    def start(self) -> None:
        """Write the configuration, start the three daemons, wait until the node takes jobs."""
        for name in ("bin", "log", "state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._write_configuration()
        self._write_clients()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        own = [f"--{name}={self.folder}/munge.{end}" for name, end in (("socket", "sock"), ("key-file", "key"))]
        own += [f"--{name}-file={self.folder}/munge.{name}" for name in ("pid", "seed")]
        self._spawn("munged", "--foreground", "--force", *own)
        self.wait(lambda: (self.folder / "munge.sock").exists(), "munged")
        self._spawn("slurmctld", "-D", "-f", f"{self.folder}/slurm.conf")
        self._spawn("slurmd", "-D", "-f", f"{self.folder}/slurm.conf", "-N", socket.gethostname().split(".")[0])
        self.wait(lambda: "idle" in self.call("sinfo", "-h", "-p", "cpu", "-o", "%T"), "the node")

    def stop(self) -> None:
        """Cancel what is left, then end each daemon that was started by its process id."""
        try:
            if jobs := self.call("squeue", "-h", "-o", "%A", "-t", "PD,R,CG").split():
                self.call("scancel", *jobs)
                self.wait(lambda: not self.call("squeue", "-h", "-t", "R,CG"), "the end of cancelled jobs")
        finally:
            for daemon in reversed(self.daemons.values()):
                daemon.terminate()
                try:
                    daemon.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    daemon.kill()

    def jobs(self, folder: Path | None = None) -> list[Job]:
        """Every job that was ever submitted (from a folder), in order."""
        described = self.call("scontrol", "show", "job", "--oneliner").splitlines()
        jobs = {job.number: job for line in described if "WorkDir=" in line and (job := read_job(line))}
        for line in (self.folder / "jobs.txt").read_text(encoding="utf-8").splitlines():
            event, number, seconds, gpus = line.split()
            if event == "task":
                jobs[int(number)].visible.add(gpus)
            else:
                setattr(jobs[int(number)], event, float(seconds))
                jobs[int(number)].gpus = gpus
        return [jobs[number] for number in sorted(jobs) if folder in (None, jobs[number].folder)]

    def _write_configuration(self) -> None:
        values = {
            "host": socket.gethostname().split(".")[0],
            "user": getpass.getuser(),
            "folder": self.folder,
            "controller_port": free_port(),
            "node_port": free_port(),
            "gpus": len(GPUS),
        }
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values), encoding="utf-8")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n", encoding="utf-8")
        gpus = [f"NodeName={values['host']} Name=gpu File={device}\n" for device in GPUS]
        (self.folder / "gres.conf").write_text("".join(gpus), encoding="utf-8")
        (self.folder / "jobs.txt").touch()
        for name, body in RECORDERS.items():
            self._write_script(self.folder / f"{name}.sh", body.format(folder=self.folder))

    def _write_clients(self) -> None:
        """SLURM's commands, each with our configuration: the plugin takes SLURM_CONF away from its inner srun."""
        for name in CLIENTS:
            if program := find_program(name):
                command = f'SLURM_CONF="{self.folder}/slurm.conf" exec "{program}" "$@"'
                self._write_script(self.folder / "bin" / name, command)

    @staticmethod
    def _write_script(path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def _spawn(self, program: str, *arguments: str) -> None:
        """Start a daemon in the foreground, so that its process id is ours to end, in a session of its own."""
        with open(self.folder / "log" / f"{program}.txt", "ab") as log:
            self.daemons[program] = subprocess.Popen(
                [find_program(program), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, ready, what: str, seconds: float = 60) -> None:
        """Wait until something is true of the cluster; where it never is, say what its daemons said."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if ready():
                    return
            except (RuntimeError, subprocess.TimeoutExpired):
                pass  # the controller does not answer yet
            time.sleep(0.1)
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in (self.folder / "log").iterdir())
        raise TimeoutError(f"waited {seconds:.0f} s for {what}; the daemons say:\n{logs}")


def read_job(line: str) -> Job:
    """A line of ``scontrol show job --oneliner``. The plugin's log is .../rule_NAME/WILDCARDS/NUMBER.log."""
    fields = dict(re.findall(r"(\w+)=(\S*)", line))
    rule, *wildcards = fields["StdOut"].partition("/rule_")[2].split("/")[:-1]
    days, hours, minutes = re.match(r"(?:(\d+)-)?(\d+):(\d+)", fields["TimeLimit"]).groups(default="0")
    return Job(
        number=int(fields["JobId"]),
        name=":".join([rule, *wildcards]),
        state=fields["JobState"],
        limit_minutes=(int(days) * 24 + int(hours)) * 60 + int(minutes),
        run=fields["JobName"],
        folder=Path(fields["WorkDir"]),
    )
