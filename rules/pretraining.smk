# Further pretraining with a region removed or frozen. One job an arm: a mode, a side, a treatment of the master weights, a seed.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/{pretrain,test}/, a region file
# OUT  results/{model}/pretraining/{pretraining}/{arm}.parquet, results/tables/pretraining.*, forgetting.*


rule further_pretrain:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        region=lambda wildcards: experiments.arm_region(config, wildcards.model, wildcards.pretraining, wildcards.arm),
        training=lambda wildcards: paths.token_shards(
            config, wildcards.model, config["pretraining"][wildcards.pretraining]["language"], "pretrain"
        ),
        tests=lambda wildcards: experiments.test_shards(
            config, wildcards.model, experiments.languages_of(config, "pretraining", wildcards.pretraining)
        ),
    output:
        rows=f"{R}/{{model}}/pretraining/{{pretraining}}/{{arm}}.parquet",
    log:
        f"{R}/logs/further_pretrain/{{model}}/{{pretraining}}/{{arm}}.log",
    benchmark:
        f"{R}/benchmarks/further_pretrain/{{model}}/{{pretraining}}/{{arm}}.tsv"
    wildcard_constraints:
        pretraining=paths.alternatives(config["pretraining"]),
        arm=r"[a-z-]+-(top|bottom|random|none)-(corrected|published)-\d+",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=480,
    params:
        arm=lambda wildcards: experiments.parse_arm(wildcards.arm),
        settings=lambda wildcards: experiments.training_settings(config, wildcards.pretraining, wildcards.arm),
        samples=lambda wildcards: config["pretraining"][wildcards.pretraining]["samples"],
        sequences=lambda wildcards: config["pretraining"][wildcards.pretraining]["sequences"],
        described=lambda wildcards: experiments.described_pretraining(config, wildcards.pretraining),
        batch_size=config["perplexity"]["batch_size"],
        engine=lambda wildcards: paths.engine(config, wildcards.model),
        code=code_version("further_pretrain"),
    script:
        "../workflow_scripts/further_pretrain.py"
