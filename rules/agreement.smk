# Do regions and neurons agree? Where regions lie among neurons, and what both do when as many parameters are removed.
#
# IN   monolingual regions, importances, activations and neuron sets of the same languages, perplexity of equal sets
# OUT  results/{model}/regions/{method}-equal-{language}/{samples}/{side}-{share}.safetensors,
#      results/{model}/agreement/*.csv


rule agreement:
    input:
        products.tables(config, ["region_neurons", "importance_activation", "equal_removal", "isolation"]),
        products.figures(config, ["agreement"]),
    localrule: True


rule select_equal_regions:
    input:
        region=lambda wildcards: regions.monolingual(config, wildcards.model, wildcards.language),
        importance=lambda wildcards: paths.importance(
            config, wildcards.model, wildcards.language, regions.last_milestone(config)
        ),
        neurons=lambda wildcards: experiments.method_files(config, wildcards.model),
    output:
        regions=regions.equal_files(config, "{model}", ["{language}"]),
    log:
        f"{R}/logs/select_equal_regions/{{model}}/{{language}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        plan=regions.equal_plan(config),
        language=lambda wildcards: wildcards.language,
        code=code_version("select_equal_regions"),
    script:
        "../workflow_scripts/select_equal_regions.py"


rule measure_agreement:
    input:
        regions=lambda wildcards: [
            regions.monolingual(config, wildcards.model, label) for label in regions.agreement_languages(config)
        ],
        importances=lambda wildcards: [
            paths.importance(config, wildcards.model, label, regions.last_milestone(config))
            for label in regions.agreement_languages(config)
        ],
        activations=lambda wildcards: [
            paths.activations(config, wildcards.model, label) for label in regions.agreement_languages(config)
        ],
        neurons=lambda wildcards: experiments.method_files(config, wildcards.model),
    output:
        regions=f"{R}/{{model}}/agreement/region_neurons.csv",
        activations=f"{R}/{{model}}/agreement/importance_activation.csv",
    log:
        f"{R}/logs/measure_agreement/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        languages=regions.agreement_languages(config),
        samples=regions.last_milestone(config),
        permutations=config["statistics"]["permutations"],
        resamples=config["statistics"]["resamples"],
        seed=config["statistics"]["seed"],
        code=code_version("measure_agreement"),
    script:
        "../workflow_scripts/measure_agreement.py"
