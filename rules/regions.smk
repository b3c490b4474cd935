# Regions: the parameters that matter most (or least, or at random), one bit each. One job makes all ratios and sides.
#
# IN   results/{model}/importance/{language}/{samples}.safetensors
# OUT  results/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors
#      results/{model}/regions/density/{samples}.csv, overlap/{samples}.csv


rule select_core_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            paths.importance(config, wildcards.model, language, wildcards.samples)
            for language in config["regions"]["core"]["languages"]
        ],
    output:
        regions=regions.outputs(config, "core"),
    log:
        f"{R}/logs/select_core_region/{{model}}/{{region}}/{{samples}}.log",
    benchmark:
        f"{R}/benchmarks/select_core_region/{{model}}/{{region}}/{{samples}}.tsv"
    wildcard_constraints:
        region=paths.alternatives(regions.names(config, "core")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        sides=regions.sides(config, "core"),
        scope=lambda wildcards: regions.of(config, wildcards.region).scope,
        language="",
        code=code_version("select_region"),
    script:
        "../workflow_scripts/select_region.py"


rule select_language_region:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        importances=lambda wildcards: [
            paths.importance(config, wildcards.model, regions.of(config, wildcards.region).language, wildcards.samples)
        ],
    output:
        regions=regions.outputs(config, "language"),
    log:
        f"{R}/logs/select_language_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=paths.alternatives(regions.names(config, "language")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        sides=regions.sides(config, "language"),
        scope=lambda wildcards: regions.of(config, wildcards.region).scope,
        language=lambda wildcards: regions.of(config, wildcards.region).language,
        code=code_version("select_region"),
    script:
        "../workflow_scripts/select_region.py"


# What any language of regions.against has in its region (union), and what two or more have (shared: what one of them loses):
# each region is read once, where a language minus each of the others would read the square of their number.
rule select_shared_region:
    input:
        regions=lambda wildcards: regions.files(
            config,
            "language",
            wildcards.model,
            wildcards.samples,
            regions.subtracted_regions(config, regions.of(config, wildcards.region).scope),
        ),
    output:
        regions=regions.outputs(config, "language"),
    log:
        f"{R}/logs/select_shared_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=paths.alternatives(regions.shared_region(config, name) for name in regions.names(config, "monolingual")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sides=regions.sides(config, "language"),
        least=lambda wildcards: 2 if regions.of(config, wildcards.region).kind == "shared" else 1,
        code=code_version("select_shared_region"),
    script:
        "../workflow_scripts/select_shared_region.py"


rule select_monolingual_region:
    input:
        own=lambda wildcards: regions.files(
            config, "language", wildcards.model, wildcards.samples, [regions.language_region(config, wildcards.region)]
        ),
        shared=lambda wildcards: regions.files(
            config, "language", wildcards.model, wildcards.samples, [regions.shared_region(config, wildcards.region)]
        ),
    output:
        regions=regions.outputs(config, "monolingual"),
    log:
        f"{R}/logs/select_monolingual_region/{{model}}/{{region}}/{{samples}}.log",
    wildcard_constraints:
        region=paths.alternatives(regions.names(config, "monolingual")),
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sides=regions.sides(config, "monolingual"),
        language=lambda wildcards: regions.of(config, wildcards.region).language,
        code=code_version("select_monolingual_region"),
    script:
        "../workflow_scripts/select_monolingual_region.py"


rule measure_density:
    input:
        regions=lambda wildcards: [
            path
            for kind in ("core", "monolingual")
            for path in regions.files(config, kind, wildcards.model, wildcards.samples)
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
        regions=lambda wildcards: regions.files(config, "language", wildcards.model, wildcards.samples),
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
