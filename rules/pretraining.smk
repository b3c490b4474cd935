# Further pretraining with a region removed or frozen. One job an arm: a mode, a side, a treatment of the master weights, a seed.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/{pretrain,test}/, a region file
# OUT  results/{model}/pretraining/{pretraining}/{arm}.parquet, results/tables/pretraining.*, forgetting.*


rule further_pretrain:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        region=lambda wildcards: arm_region(wildcards.model, wildcards.pretraining, wildcards.arm),
        training=lambda wildcards: token_shards(
            wildcards.model, config["pretraining"][wildcards.pretraining]["language"], "pretrain"
        ),
        tests=lambda wildcards: [
            f"{R}/{wildcards.model}/tokens/{language}/test/00000.arrow"
            for language in pretraining_languages(wildcards.pretraining)
        ],
    output:
        rows=f"{R}/{{model}}/pretraining/{{pretraining}}/{{arm}}.parquet",
    log:
        f"{R}/logs/further_pretrain/{{model}}/{{pretraining}}/{{arm}}.log",
    benchmark:
        f"{R}/benchmarks/further_pretrain/{{model}}/{{pretraining}}/{{arm}}.tsv"
    wildcard_constraints:
        pretraining=alternatives(config["pretraining"]),
        arm=r"[a-z-]+-(top|bottom|random|none)-(corrected|published)-\d+",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=480,
    params:
        arm=lambda wildcards: parse_arm(wildcards.arm),
        settings=lambda wildcards: training_settings(wildcards.pretraining, wildcards.arm),
        samples=lambda wildcards: config["pretraining"][wildcards.pretraining]["samples"],
        sequences=lambda wildcards: config["pretraining"][wildcards.pretraining]["sequences"],
        described=lambda wildcards: described_pretraining(wildcards.pretraining),
        batch_size=config["perplexity"]["batch_size"],
        engine=lambda wildcards: engine_settings(wildcards.model),
        code=code_version("further_pretrain"),
    script:
        "../workflow_scripts/further_pretrain.py"


for _table in ("pretraining", "forgetting"):

    rule:
        name:
            f"tabulate_{_table}"
        input:
            rows=pretraining_files(),
        output:
            **table_outputs(_table),
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        conda:
            "../envs/plot.yaml"
        params:
            table=_table,
            labels=config["labels"],
            resamples=config["statistics"]["resamples"],
            seed=config["statistics"]["seed"],
            code=code_version("tabulate_pretraining"),
        script:
            "../workflow_scripts/tabulate_pretraining.py"


rule plot_pretraining:
    input:
        style=STYLE,
        table=f"{R}/tables/pretraining.csv",
    output:
        svg=f"{R}/figures/{{model}}/pretraining-{{pretraining}}.svg",
        png=report(
            f"{R}/figures/{{model}}/pretraining-{{pretraining}}.png",
            **caption("pretraining", "2 Removal", experiment="{pretraining}"),
        ),
    log:
        f"{R}/logs/plot_pretraining/{{model}}/{{pretraining}}.log",
    wildcard_constraints:
        pretraining=alternatives(config["pretraining"]),
    conda:
        "../envs/plot.yaml"
    params:
        chosen=lambda wildcards: config["pretraining"][wildcards.pretraining],
        labels=config["labels"],
        code=code_version("plot_pretraining"),
    script:
        "../workflow_scripts/plot_pretraining.py"
