# Regions: the parameters that matter most (or least, or at random), one bit each. One job makes all ratios and sides.
#
# IN   results/{model}/importance/{language}/{samples}.safetensors
# OUT  results/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors
#      results/{model}/regions/density/{samples}.csv, overlap/{samples}.csv


rule select_core_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            importance_file(wildcards.model, language, wildcards.samples)
            for language in config["regions"]["core"]["languages"]
        ],
    output:
        regions=region_outputs("core"),
    log:
        f"{R}/logs/select_core_region/{{model}}/{{region}}/{{samples}}.log",
    benchmark:
        f"{R}/benchmarks/select_core_region/{{model}}/{{region}}/{{samples}}.tsv"
    wildcard_constraints:
        region=alternatives(region_names("core")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        sides=region_sides("core"),
        scope=lambda wildcards: REGIONS[wildcards.region].scope,
        language="",
        code=code_version("select_region"),
    script:
        "../workflow_scripts/select_region.py"


rule select_language_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            importance_file(wildcards.model, REGIONS[wildcards.region].language, wildcards.samples)
        ],
    output:
        regions=region_outputs("language"),
    log:
        f"{R}/logs/select_language_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(region_names("language")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        sides=region_sides("language"),
        scope=lambda wildcards: REGIONS[wildcards.region].scope,
        language=lambda wildcards: REGIONS[wildcards.region].language,
        code=code_version("select_region"),
    script:
        "../workflow_scripts/select_region.py"


# What any language of regions.against has in its region (union), and what two or more have (shared: what one of them loses):
# each region is read once, where a language minus each of the others would read the square of their number.
rule select_shared_region:
    input:
        regions=lambda wildcards: region_files(
            "language", wildcards.model, wildcards.samples, language_regions(REGIONS[wildcards.region].scope)
        ),
    output:
        regions=region_outputs("language"),
    log:
        f"{R}/logs/select_shared_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(shared_region(name) for name in region_names("monolingual")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sides=region_sides("language"),
        least=lambda wildcards: 2 if REGIONS[wildcards.region].kind == "shared" else 1,
        code=code_version("select_shared_region"),
    script:
        "../workflow_scripts/select_shared_region.py"


rule select_monolingual_region:
    input:
        own=lambda wildcards: region_files(
            "language", wildcards.model, wildcards.samples, [language_region(wildcards.region)]
        ),
        shared=lambda wildcards: region_files(
            "language", wildcards.model, wildcards.samples, [shared_region(wildcards.region)]
        ),
    output:
        regions=region_outputs("monolingual"),
    log:
        f"{R}/logs/select_monolingual_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=alternatives(region_names("monolingual")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sides=region_sides("monolingual"),
        language=lambda wildcards: REGIONS[wildcards.region].language,
        code=code_version("select_monolingual_region"),
    script:
        "../workflow_scripts/select_monolingual_region.py"


rule measure_density:
    input:
        regions=lambda wildcards: [
            path for kind in ("core", "monolingual") for path in region_files(kind, wildcards.model, wildcards.samples)
        ],
    output:
        csv=f"{R}/{{model}}/regions/density/{{samples}}.csv",
    log:
        f"{R}/logs/measure_density/{{model}}/{{samples}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("measure_density"),
    script:
        "../workflow_scripts/measure_density.py"


rule measure_overlap:
    input:
        regions=lambda wildcards: region_files("language", wildcards.model, wildcards.samples),
    output:
        csv=f"{R}/{{model}}/regions/overlap/{{samples}}.csv",
    log:
        f"{R}/logs/measure_overlap/{{model}}/{{samples}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version("measure_overlap"),
    script:
        "../workflow_scripts/measure_overlap.py"
