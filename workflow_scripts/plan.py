"""What a run would cost, without running anything: `make plan CONFIG=config/llama2-7b.yaml ARGS="--device A100"`.

Not a rule's script: it asks Snakemake for the graph of jobs, and langatlas.plan for what each of them costs.
"""

import argparse
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings import types

sys.path.insert(0, str(Path(__file__).parent))
from langatlas.plan import document
from langatlas.plan.run import TEST_SEQUENCES, Job, Run

ROOT = Path(__file__).parents[1]


def planned(files: list[str], changes: dict, test_sequences: int = TEST_SEQUENCES) -> Run:
    """The run of these config files, with ``changes`` laid over them; nothing is executed."""
    settings = types.ConfigSettings(config=changes, configfiles=[Path(file).resolve() for file in files])
    with SnakemakeApi(types.OutputSettings(quiet={types.Quietness.ALL})) as api:
        resources = types.ResourceSettings(cores=1)
        made = api.workflow(resource_settings=resources, config_settings=settings, snakefile=ROOT / "Snakefile")
        # the same as in profiles/default, which only the command line reads
        triggers = types.RerunTrigger.all() - {types.RerunTrigger.CODE}
        made.dag(types.DAGSettings(rerun_triggers=triggers))
        workflow = made._workflow  # as `snakemake --summary` builds it; the API has no call that hands out the jobs
        workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        jobs = [
            Job(
                job.rule.name,
                dict(job.wildcards),
                list(map(str, job.input)),
                list(map(str, job.output)),
                frozenset(map(str, job.temp_output)),
                int(job.resources.get("gpu", 0)),
                workflow.dag.needrun(job),
            )
            for job in workflow.dag.jobs
        ]
        return Run(workflow.globals["config"], jobs, test_sequences)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make plan", description=__doc__)
    parser.add_argument("--configfile", nargs="+", default=[], help="overlays, as for snakemake")
    parser.add_argument("--write", metavar="FILE", help="bring the plans of a document up to date")
    document.add_arguments(parser)
    given = parser.parse_args()
    if given.write:
        document.rewrite(ROOT / given.write, planned)
    else:
        sys.stdout.write(document.plan(given, planned))
