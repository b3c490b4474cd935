# Regions: the parameters that matter most (or least, or at random), one bit each. One job makes all ratios and sides.
#
# IN   results/{model}/importance/{language}/{samples}.safetensors
# OUT  results/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors
#      results/{model}/regions/density/{samples}.csv, overlap/{samples}.csv


rule select_core_region:
    output:
        regions=region_outputs("core"),
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            importance_file(wildcards.model, language, wildcards.samples)
            for language in config["regions"]["core"]["languages"]
        ],
    log:
        f"{R}/logs/select_core_region/{{model}}/{{region}}/{{samples}}.log",
    benchmark:
        f"{R}/benchmarks/select_core_region/{{model}}/{{region}}/{{samples}}.tsv"
    wildcard_constraints:
        region=alternatives(region_names("core")),
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        sides=region_sides("core"),
        scope=lambda wildcards: region_scope(wildcards.region),
        code=code_version("select_region"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/select_region.py"


rule select_language_region:
    output:
        regions=region_outputs("language"),
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            importance_file(wildcards.model, region_language(wildcards.region), wildcards.samples)
        ],
    log:
        f"{R}/logs/select_language_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(region_names("language")),
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        sides=region_sides("language"),
        scope=lambda wildcards: region_scope(wildcards.region),
        code=code_version("select_region"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/select_region.py"


rule select_monolingual_region:
    output:
        regions=region_outputs("monolingual"),
    input:
        own=lambda wildcards: region_files(
            "language", wildcards.model, wildcards.samples, [language_region(wildcards.region)]
        ),
        others=lambda wildcards: region_files(
            "language", wildcards.model, wildcards.samples, other_language_regions(wildcards.region)
        ),
    log:
        f"{R}/logs/select_monolingual_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(region_names("monolingual")),
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sides=region_sides("monolingual"),
        language=lambda wildcards: region_language(wildcards.region),
        code=code_version("select_monolingual_region"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/select_monolingual_region.py"


rule measure_density:
    output:
        csv=f"{R}/{{model}}/regions/density/{{samples}}.csv",
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        regions=lambda wildcards: [
            path for kind in ("core", "monolingual") for path in region_files(kind, wildcards.model, wildcards.samples)
        ],
    log:
        f"{R}/logs/measure_density/{{model}}/{{samples}}.log",
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("measure_density"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/measure_density.py"


rule measure_overlap:
    output:
        csv=f"{R}/{{model}}/regions/overlap/{{samples}}.csv",
    input:
        regions=lambda wildcards: region_files("language", wildcards.model, wildcards.samples),
    log:
        f"{R}/logs/measure_overlap/{{model}}/{{samples}}.log",
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("measure_overlap"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/measure_overlap.py"
