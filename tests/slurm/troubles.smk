# Jobs that meet what jobs meet on a cluster. The resources come from the repository's profile (see test_cluster.py).


rule all:
    input:
        expand("{name}.txt", name=["failing", "cancelled", "slow"]),
    localrule: True


# Fails at every attempt, with half of its file written.
rule failing:
    output:
        "failing.txt",
    log:
        "failing.log",
    shell:
        "echo half > {output}; echo this is why >> {log}; exit 3"


# Is cancelled at the first attempt, as by an administrator.
rule cancelled:
    output:
        "cancelled.txt",
    resources:
        attempt=lambda wildcards, attempt: attempt,
    shell:
        "[ {resources.attempt} -gt 1 ] || {{ scancel $SLURM_JOB_ID; sleep 600; }}; echo done > {output}"


# Needs more than the minute that it asks for at first; SLURM looks at time limits every half minute.
rule slow:
    output:
        "slow.txt",
    shell:
        "sleep 96; echo done > {output}"
