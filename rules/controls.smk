# Controls: other ways to score and choose parameters, how reliable a choice is, and whether it is a region at all.
#
# IN   results/models/{model}/model.json, locate shards, importances, region files
# OUT  results/{model}/importance-{variant}/{language}/{samples}.safetensors, importance-magnitude/{samples}.safetensors, regions/core-{control}/…,
#      results/{model}/controls/{overlap,reliability,concentration}.csv, results/tables/{controls,…,survival}.*


rule score_variants:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shards=lambda wildcards: token_shards(wildcards.model, wildcards.language, "locate"),
    output:
        scores=[
            f"{R}/{{model}}/importance-{variant}/{{language}}/{variant_samples()}.safetensors"
            for variant in variants_of_text()
        ],
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
        variants=variants_of_text(),
        samples=variant_samples(),
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
        scores=magnitude_file("{model}"),
    log:
        f"{R}/logs/score_magnitude/{{model}}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        samples=variant_samples(),
        code=code_version("score_magnitude"),
    script:
        "../workflow_scripts/score_magnitude.py"


rule select_control_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: control_importances(wildcards.model, wildcards.region),
    output:
        regions=[
            f"{R}/{{model}}/regions/{{region}}/{{samples}}/top-{config['regions']['controls']['ratio']}.safetensors"
        ],
    log:
        f"{R}/logs/select_control_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(name for name in control_names() if REGIONS[name].score != "matched"),
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
        region=lambda wildcards: plain_core(wildcards.model),
        magnitudes=lambda wildcards: [magnitude_file(wildcards.model)],
    output:
        regions=[
            f"{R}/{{model}}/regions/core-matched/{last_milestone()}/random-{seed}-{config['regions']['controls']['ratio']}.safetensors"
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
        core=lambda wildcards: plain_core(wildcards.model),
        others=lambda wildcards: compared_with_core(wildcards.model),
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
            {path for _, *paths in reliability_pairs(wildcards.model) for path in paths}
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
        pairs=lambda wildcards: [list(pair) for pair in reliability_pairs(wildcards.model)],
        ratio=config["regions"]["controls"]["ratio"],
        code=code_version("measure_reliability"),
    script:
        "../workflow_scripts/measure_reliability.py"


rule measure_concentration:
    input:
        regions=lambda wildcards: concentrated_regions(wildcards.model),
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


for _table, _inputs in CONTROL_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        input:
            **_inputs,
        output:
            **table_outputs(_table, CONTROL_CATEGORIES.get(_table, "5 Tables")),
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        conda:
            "../envs/plot.yaml"
        params:
            table=_table,
            labels=config["labels"],
            resamples=config["statistics"]["resamples"],
            permutations=config["statistics"]["permutations"],
            seed=config["statistics"]["seed"],
            code=code_version("tabulate_controls"),
        script:
            "../workflow_scripts/tabulate_controls.py"


rule plot_controls:
    input:
        style=STYLE,
        table=f"{R}/tables/controls.csv",
    output:
        svg=f"{R}/figures/{{model}}/controls.svg",
        png=report(f"{R}/figures/{{model}}/controls.png", **caption("controls", "2 Removal")),
    log:
        f"{R}/logs/plot_controls/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        samples=variant_samples(),
        core_samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        labels=config["labels"],
        code=code_version("plot_controls"),
    script:
        "../workflow_scripts/plot_controls.py"


rule plot_concentration:
    input:
        style=STYLE,
        table=f"{R}/tables/concentration.csv",
    output:
        svg=f"{R}/figures/{{model}}/concentration.svg",
        png=report(f"{R}/figures/{{model}}/concentration.png", **caption("concentration", "4 Place")),
    log:
        f"{R}/logs/plot_concentration/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        samples=last_milestone(),
        labels=config["labels"],
        code=code_version("plot_concentration"),
    script:
        "../workflow_scripts/plot_concentration.py"
