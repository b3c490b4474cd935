# Controls: other ways to score and choose parameters, how reliable a choice is, and whether it is a region at all.
#
# IN   results/models/{model}/model.json, locate shards, importances, region files
# OUT  results/{model}/importance-{variant}/{language}/{samples}.safetensors, importance-magnitude/{samples}.safetensors, regions/core-{control}/…,
#      results/{model}/controls/{overlap,reliability,concentration}.csv, results/tables/{controls,…,survival}.*


rule score_variants:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shards=lambda wildcards: paths.token_shards(config, wildcards.model, wildcards.language, "locate"),
    output:
        scores=[paths.score(config, "{model}", variant, "{language}") for variant in regions.variants_of_text(config)],
    log:
        f"{R}/logs/score_variants/{{model}}/{{language}}.log",
    benchmark:
        f"{R}/benchmarks/score_variants/{{model}}/{{language}}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=240,
    params:
        variants=regions.variants_of_text(config),
        samples=config["importance"]["variants"]["samples"],
        seed=config["importance"]["variants"]["seed"],
        batch_size=config["importance"]["batch_size"],
        precision=config["importance"]["precision"],
        code=code_version("score_variants"),
    script:
        "../workflow_scripts/score_variants.py"


# |theta| is the same for every language: a file of its own instead of one for each.
rule score_magnitude:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
    output:
        scores=paths.score(config, "{model}", "magnitude", ""),
    log:
        f"{R}/logs/score_magnitude/{{model}}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        samples=config["importance"]["variants"]["samples"],
        code=code_version("score_magnitude"),
    script:
        "../workflow_scripts/score_magnitude.py"


rule select_control_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: regions.control_importances(config, wildcards.model, wildcards.region),
    output:
        regions=[
            f"{R}/{{model}}/regions/{{region}}/{{samples}}/top-{config['regions']['controls']['ratio']}.safetensors"
        ],
    log:
        f"{R}/logs/select_control_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=paths.alternatives(name for name in regions.controls(config) if name != regions.MATCHED),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        sides=[("top", str(config["regions"]["controls"]["ratio"]))],
        scope="matrix",
        language="",
        code=code_version("select_region"),
    script:
        "../workflow_scripts/select_region.py"


rule select_matched_region:
    input:
        region=lambda wildcards: regions.plain_core(config, wildcards.model),
        magnitudes=lambda wildcards: [paths.score(config, wildcards.model, "magnitude", "")],
    output:
        regions=[
            f"{R}/{{model}}/regions/core-matched/{regions.last_milestone(config)}/random-{seed}-{config['regions']['controls']['ratio']}.safetensors"
            for seed in config["regions"]["controls"]["matched"]
        ],
    log:
        f"{R}/logs/select_matched_region/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        seeds=config["regions"]["controls"]["matched"],
        code=code_version("select_matched_region"),
    script:
        "../workflow_scripts/select_matched_region.py"


rule measure_control_overlap:
    input:
        core=lambda wildcards: regions.plain_core(config, wildcards.model),
        others=lambda wildcards: regions.compared_with_core(config, wildcards.model),
    output:
        csv=f"{R}/{{model}}/controls/overlap.csv",
    log:
        f"{R}/logs/measure_control_overlap/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("measure_control_overlap"),
    script:
        "../workflow_scripts/measure_control_overlap.py"


rule measure_reliability:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: sorted(
            {path for _, *paths in regions.reliability_pairs(config, wildcards.model) for path in paths}
        ),
    output:
        csv=f"{R}/{{model}}/controls/reliability.csv",
    log:
        f"{R}/logs/measure_reliability/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        pairs=lambda wildcards: regions.reliability_pairs(config, wildcards.model),
        ratio=config["regions"]["controls"]["ratio"],
        code=code_version("measure_reliability"),
    script:
        "../workflow_scripts/measure_reliability.py"


rule measure_concentration:
    input:
        regions=lambda wildcards: regions.concentrated(config, wildcards.model),
    output:
        csv=f"{R}/{{model}}/controls/concentration.csv",
    log:
        f"{R}/logs/measure_concentration/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        seed=config["statistics"]["seed"],
        code=code_version("measure_concentration"),
    script:
        "../workflow_scripts/measure_concentration.py"
