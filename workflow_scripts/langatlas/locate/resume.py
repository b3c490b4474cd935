"""Going on inside a shard after its job was killed: running sums and finished milestones, kept beside the job's outputs.

Before Snakemake tries a failed job again it removes the job's outputs, and no other file. So the job keeps a folder of its own
beside them, on the file system that all nodes share: the retry may run on another node, and ``$TMPDIR`` ends with the job.
In it lie

- ``key``: a hash of all that the sums depend on; where it is another one, everything here is thrown away;
- ``sums.safetensors``: fp32 gradient sums after some micro-batch, and how far that is (``Progress``, in the metadata);
- finished milestones under their own names: hard links of the outputs, which cost no space.

Micro-batches and their order are the same at every start, so sums that go on from there end with the same bits as without a
break (on the same kind of device, with as many threads). Under ZeRO the running sums are DeepSpeed's own, which begin anew at
each milestone: written in between, they would be added in another grouping. There a job goes on from its last milestone.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from langatlas.files import atomic
from langatlas.locate.importance import GradientSum, Progress
from langatlas.locate.importance_files import FORMAT as IMPORTANCE
from langatlas.tensorfile import TensorFile, TensorWriter

log = logging.getLogger(__name__)
FORMAT = "langatlas.sums/1"


def key_of(**what) -> str:
    """Hash of all that the sums of a job depend on, as JSON takes it: model, text, settings, code."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@dataclass
class Resume:
    """The folder of one job. ``kept``: how many milestones an earlier attempt finished; their outputs are there again.

    ``minutes``: running sums are written when so many have passed since they last were. ``open`` makes one; a job of several
    processes hands its fields on to them.
    """

    folder: str
    outputs: list[str]
    minutes: float
    kept: int = 0

    def __post_init__(self):
        self._written = time.monotonic()

    @classmethod
    def open(cls, folder: str, outputs: list[str], minutes: float, key: str) -> "Resume":
        """Take up what an earlier attempt with the same key left, or begin with an empty folder."""
        place, marked = Path(folder), Path(folder, "key")
        if not marked.is_file() or marked.read_text(encoding="utf-8") != key:
            if place.exists():
                log.info("%s is of other text, weights, settings or code: thrown away", place)
                shutil.rmtree(place)
            with atomic(marked) as temporary:
                temporary.write_text(key, encoding="utf-8")
        opened = cls(folder, outputs, minutes)
        for output in outputs:
            if not opened._copy(output).is_file():
                break
            _same_file(opened._copy(output), Path(output))
            opened.kept += 1
        return opened

    def _copy(self, output: str) -> Path:
        return Path(self.folder, Path(output).name)

    def take_up(self, gradients: GradientSum, milestones: list[int]) -> Progress:
        """How far an earlier attempt was; its sums are put into ``gradients``. Nothing read yet where there was none."""
        if gradients.sums is None or self.kept == len(self.outputs):
            progress = self._after_milestone(gradients, milestones)
        else:
            progress = self._after_batch(gradients)
        progress.earlier = progress.tokens
        if progress.read or progress.batches:
            log.info("going on after %d milestone(s) and %d tokens", progress.milestones, progress.tokens)
        return progress

    def _after_batch(self, gradients: GradientSum) -> Progress:
        path = Path(self.folder, "sums.safetensors")
        if not path.is_file():
            return Progress()
        file = TensorFile(path, FORMAT)
        progress = Progress(**json.loads(file.metadata["progress"]))
        if progress.milestones > self.kept:
            return Progress()
        for name, total in gradients.sums.items():
            total.copy_(torch.from_numpy(file[name]))
        return progress

    def _after_milestone(self, gradients: GradientSum, milestones: list[int]) -> Progress:
        if not self.kept:
            return Progress()
        last = self.outputs[self.kept - 1]
        gradients.written(last)
        progress = Progress(read=milestones[self.kept - 1], milestones=self.kept)
        if gradients.writes:  # of several processes one counts what all of them read before
            found = TensorFile(last, IMPORTANCE).metadata
            progress.samples, progress.tokens = int(found["samples"]), int(found["tokens"])
            progress.nll = float(found["nll_nats"])
        return progress

    def save(self, gradients: GradientSum, progress: Progress) -> None:
        """After a micro-batch: write the sums if it is time, tensor by tensor, in place of those before."""
        if gradients.sums is None or time.monotonic() - self._written < 60 * self.minutes:
            return
        layout = {name: ("F32", shape) for name, shape in gradients.shapes.items()}
        described = {"format": FORMAT, "progress": json.dumps(asdict(progress))}
        with TensorWriter(Path(self.folder, "sums.safetensors"), layout, described) as writer:
            for name, total in gradients.sums.items():
                writer.write(name, total.cpu().numpy())
        self._written = time.monotonic()

    def finished(self, output: str) -> None:
        """Keep a milestone that was just written."""
        _same_file(Path(output), self._copy(output))

    def remove(self) -> None:
        """All outputs are there: nothing is kept any longer."""
        shutil.rmtree(self.folder)


def _same_file(source: Path, target: Path) -> None:
    """A second name of a file; a copy where the file system knows no hard links. It counts as written now."""
    with atomic(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.utime(temporary)
