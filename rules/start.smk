# What happens when a run starts, before its first job. No rules here.
from langatlas import interrupted
from snakemake.exceptions import WorkflowError


def go_on_after_killed_runs(executor_plugin, **_):
    """Take away the lock of a killed run; a dry run leaves it, as it asks for none."""
    if not executor_plugin.common_settings.dryrun_exec:
        try:
            interrupted.take_up()
        except ValueError as error:  # written for the user: a traceback adds nothing
            raise WorkflowError(str(error)) from None


if workflow.is_main_process:  # jobs read these files as well
    workflow.execute = interrupted.preceded(workflow.execute, go_on_after_killed_runs)


# Snakemake 9.27 sets a timer after each look at the queue and looks again when it rings, which sets the next: one endless
# chain for every job that has ended. After some hundred jobs the looking alone fills a core. Without a limit on the rate
# at which jobs start (its default, 100 a second, limits nothing here) it looks only when a job ends.
onstart:
    interrupted.sign(getattr(workflow.scheduler._executor, "run_uuid", None))  # of the SLURM plugin
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
