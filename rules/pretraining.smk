# Further pretraining with a region removed or frozen. One job an arm: a mode, a side, a treatment of the master weights, a seed.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/{pretrain,test}/, a region file
# OUT  results/{model}/pretraining/{experiment}/{arm}.parquet; of arms that are kept results/{model}/variants/{experiment}/{arm}/


for _kept in (False, True):

    rule:
        name:
            "further_pretrain" + ("_and_keep" if _kept else "")
        input:
            manifest=f"{R}/models/{{model}}/model.json",
            region=lambda wildcards: experiments.arm_region(
                config, wildcards.model, wildcards.experiment, wildcards.arm
            ),
            training=lambda wildcards: paths.token_shards(
                config, wildcards.model, experiments.training(config, wildcards.experiment)["language"], "pretrain"
            ),
            tests=lambda wildcards: [
                paths.token_shard(config, wildcards.model, language, "test")
                for language in experiments.languages_of(config, wildcards.experiment)
            ],
        output:
            **training_outputs(_kept),
        log:
            f"{R}/logs/further_pretrain/{{model}}/{{experiment}}/{{arm}}.log",
        benchmark:
            f"{R}/benchmarks/further_pretrain/{{model}}/{{experiment}}/{{arm}}.tsv"
        wildcard_constraints:
            experiment=paths.alternatives(experiments.trained(config, kept=_kept)),
            arm=r"[a-z-]+-(top|bottom|random|none)-(corrected|published)-\d+",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=1,
            mem_mb=3000,
            runtime=480,
        params:
            arm=lambda wildcards: experiments.parse_arm(wildcards.arm),
            settings=lambda wildcards: experiments.training_settings(config, wildcards.experiment, wildcards.arm),
            samples=lambda wildcards: experiments.training(config, wildcards.experiment)["samples"],
            sequences=lambda wildcards: experiments.training(config, wildcards.experiment)["sequences"],
            described=lambda wildcards: experiments.described_training(config, wildcards.experiment),
            batch_size=config["perplexity"]["batch_size"],
            engine=lambda wildcards: paths.engine(config, wildcards.model),
            code=code_version("further_pretrain"),
        script:
            "../workflow_scripts/further_pretrain.py"
