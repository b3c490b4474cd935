# Interventions: what each experiment changes in a model, chosen once and written as a list that a person can read.
#
# IN   results/models/{model}/model.json, region files, neuron sets, activations, the largest activations
# OUT  results/{model}/activations/residual.parquet, results/{model}/interventions/{experiment}.json


rule find_outliers:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shards=[
            paths.token_shard(config, "{model}", language, "locate")
            for language in config["regions"]["core"]["languages"]
        ],
    output:
        extremes=paths.outliers(config, "{model}"),
    log:
        f"{R}/logs/find_outliers/{{model}}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=60,
    params:
        sequences=config["outliers"]["sequences"],
        batch_size=config["perplexity"]["batch_size"],
        precision=config["perplexity"]["precision"],
        code=code_version("find_outliers"),
    script:
        "../workflow_scripts/find_outliers.py"


rule intervene:
    input:
        unpack(lambda wildcards: experiments.chosen_from(config, wildcards.model, wildcards.experiment)),
        manifest=f"{R}/models/{{model}}/model.json",
    output:
        index=experiments.index(config, "{model}", "{experiment}"),
    log:
        f"{R}/logs/intervene/{{model}}/{{experiment}}.log",
    wildcard_constraints:
        experiment=paths.alternatives(name for name in config["experiments"] if not experiments.trains(config, name)),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        intervene=lambda wildcards: experiments.spelled_out(config, wildcards.experiment),
        code=lambda wildcards: code_version("intervene", *experiments.choosers(config, wildcards.experiment)),
    script:
        "../workflow_scripts/intervene.py"
