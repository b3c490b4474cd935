"""Gather captions, figures and the rule graph of a finished run into one page. Output: report.html."""

import subprocess
import sys

from langatlas import runlog
from langatlas.files import atomic

if __name__ == "__main__":
    with runlog.job(snakemake) as log, atomic(snakemake.output.html) as path:
        # Snakemake's own reporter, as a second process: it reads what the first has written, so it takes no lock.
        command = [sys.executable, "-m", "snakemake", "--nolock", "--snakefile", snakemake.params.snakefile]
        command += ["--configfile", snakemake.input.config, "--report", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        log.info(done.stderr[-2000:])
        if done.returncode:
            raise RuntimeError(f"snakemake --report ended with {done.returncode}; its message stands above")
