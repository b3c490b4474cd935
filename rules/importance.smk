# Importance of every parameter for each language. Shards are jobs of their own and are added in order.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/locate/{shard}.arrow
# OUT  results/{model}/importance/{language}/{samples}.safetensors
#      results/tables/importance_similarity.*


rule accumulate_gradients:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shard=f"{R}/{{model}}/tokens/{{language}}/locate/{{shard}}.arrow",
    output:
        # Sums over one shard of the samples up to each milestone: needed only until they are added.
        partial=[
            temp(paths.partial_importance(config, "{model}", "{language}", samples, "{shard}"))
            for samples in config["importance"]["samples"]
        ],
        stats=f"{R}/{{model}}/importance/{{language}}/shards/{{shard}}.json",
    log:
        f"{R}/logs/accumulate_gradients/{{model}}/{{language}}/{{shard}}.log",
    benchmark:
        f"{R}/benchmarks/accumulate_gradients/{{model}}/{{language}}/{{shard}}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=240,
        # No parameter: setting it after jobs were killed must not compute anew what is there.
        checkpoint_minutes=config["importance"]["checkpoint_minutes"] or 0,
    params:
        samples=config["importance"]["samples"],
        shards=config["tokens"]["shards"]["locate"],
        reduction=config["importance"]["reduction"],
        batch_size=config["importance"]["batch_size"],
        precision=config["importance"]["precision"],
        engine=lambda wildcards: paths.engine(config, wildcards.model),
        code=code_version("accumulate_gradients"),
    script:
        "../workflow_scripts/accumulate_gradients.py"


# All milestones in one job: asked for one of them alone, Snakemake would throw away the partial sums of the others, and
# with them the work of the GPUs. Ahead of every other waiting job, so that partial sums lie on the disk for a short time.
rule combine_importance:
    input:
        partial=[
            paths.partial_importance(config, "{model}", "{language}", samples, shard)
            for samples in config["importance"]["samples"]
            for shard in range(config["tokens"]["shards"]["locate"])
        ],
    output:
        importance=[
            paths.importance(config, "{model}", "{language}", samples) for samples in config["importance"]["samples"]
        ],
    log:
        f"{R}/logs/combine_importance/{{model}}/{{language}}.log",
    priority: 1
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("combine_importance"),
    script:
        "../workflow_scripts/combine_importance.py"


rule compare_importance:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=[
            f"{R}/{{model}}/importance/{language}/{{samples}}.safetensors"
            for language in regions.importance_languages(config)
        ],
    output:
        csv=f"{R}/{{model}}/importance/similarity/{{samples}}.csv",
    log:
        f"{R}/logs/compare_importance/{{model}}/{{samples}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        parameters=1_000_000,
        code=code_version("compare_importance"),
    script:
        "../workflow_scripts/compare_importance.py"
