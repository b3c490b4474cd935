# NLL of every test sequence under every intervention of an experiment. One job a language: the model is loaded once.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/test/00000.arrow, region files, edits or clamps
# OUT  results/{model}/perplexity/{experiment}/{language}.parquet


rule measure_perplexity:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shard=f"{R}/{{model}}/tokens/{{language}}/test/00000.arrow",
        regions=lambda wildcards: experiments.removed_files(config, wildcards.model, wildcards.experiment),
        edits=lambda wildcards: experiments.edit_files(config, wildcards.model, wildcards.experiment),
        clamps=lambda wildcards: experiments.clamp_files(config, wildcards.model, wildcards.experiment),
    output:
        rows=f"{R}/{{model}}/perplexity/{{experiment}}/{{language}}.parquet",
    log:
        f"{R}/logs/measure_perplexity/{{model}}/{{experiment}}/{{language}}.log",
    benchmark:
        f"{R}/benchmarks/measure_perplexity/{{model}}/{{experiment}}/{{language}}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=240,
    params:
        include_norms=lambda wildcards: config["experiments"][wildcards.experiment]["include_norms"],
        batch_size=config["perplexity"]["batch_size"],
        precision=config["perplexity"]["precision"],
        code=code_version("measure_perplexity"),
    script:
        "../workflow_scripts/measure_perplexity.py"
