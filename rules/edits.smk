# Edits: lines of matrices, dimensions of the residual stream or single parameters that an experiment changes.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/locate/00000.arrow, a region file
# OUT  results/{model}/activations/residual.parquet, results/{model}/edits/{experiment}.json


rule find_outliers:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shards=[
            f"{R}/{{model}}/tokens/{language}/locate/00000.arrow"
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


rule choose_edits:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        region=lambda wildcards: experiments.edited_region(config, wildcards.model, wildcards.experiment),
        outliers=lambda wildcards: experiments.outlier_files(config, wildcards.model, wildcards.experiment),
    output:
        edits=f"{R}/{{model}}/edits/{{experiment}}.json",
    log:
        f"{R}/logs/choose_edits/{{model}}/{{experiment}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        chosen=lambda wildcards: experiments.chosen_edits(config, wildcards.experiment),
        code=code_version("choose_edits"),
    script:
        "../workflow_scripts/choose_edits.py"
