# Do regions and neurons agree? Where regions lie among neurons, and what both do when as many parameters are removed.
#
# IN   monolingual regions, importances, activations and neuron sets of the same languages, perplexity of equal sets
# OUT  results/{model}/regions/{method}-equal-{language}/{samples}/{side}-{share}.safetensors,
#      results/{model}/agreement/*.csv, results/tables/{region_neurons,importance_activation,equal_removal,isolation}.*,
#      results/figures/{model}/agreement.*


rule agreement:
    input:
        [path for name in AGREEMENT_TABLES + ISOLATION_TABLES for path in table_files(name).values()],
        agreement_figures(),
    localrule: True


rule select_equal_regions:
    input:
        region=lambda wildcards: monolingual_region(wildcards.model, wildcards.language),
        importance=lambda wildcards: importance_file(wildcards.model, wildcards.language, last_milestone()),
        neurons=lambda wildcards: method_files(wildcards.model),
    output:
        regions=equal_files("{model}", ["{language}"]),
    log:
        f"{R}/logs/select_equal_regions/{{model}}/{{language}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        plan=equal_plan(),
        language=lambda wildcards: wildcards.language,
        code=code_version("select_equal_regions"),
    script:
        "../workflow_scripts/select_equal_regions.py"


rule measure_agreement:
    input:
        regions=lambda wildcards: [monolingual_region(wildcards.model, label) for label in agreement_languages()],
        importances=lambda wildcards: [
            importance_file(wildcards.model, label, last_milestone()) for label in agreement_languages()
        ],
        activations=lambda wildcards: [
            f"{R}/{wildcards.model}/activations/{label}.safetensors" for label in agreement_languages()
        ],
        neurons=lambda wildcards: method_files(wildcards.model),
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
        languages=agreement_languages(),
        samples=last_milestone(),
        permutations=config["statistics"]["permutations"],
        resamples=config["statistics"]["resamples"],
        seed=config["statistics"]["seed"],
        code=code_version("measure_agreement"),
    script:
        "../workflow_scripts/measure_agreement.py"


rule tabulate_agreement:
    input:
        **{
            name: [f"{R}/{model}/agreement/{name}.csv" for model in agreement_models()]
            for name in ("region_neurons", "importance_activation")
        },
    output:
        **several_tables(["region_neurons", "importance_activation"]),
    log:
        f"{R}/logs/tabulate_agreement.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        tables=["region_neurons", "importance_activation"],
        settings=config["statistics"],
        labels=config["labels"],
        code=code_version("tabulate_agreement"),
    script:
        "../workflow_scripts/tabulate_agreement.py"


rule tabulate_isolation:
    input:
        rows=perplexity_files(equal_experiments()) if equal_experiments() else [],
        regions=[path for model in config["models"] for path in equal_files(model)] if equal_experiments() else [],
    output:
        **several_tables(["equal_removal", "isolation"], "2 Removal"),
    log:
        f"{R}/logs/tabulate_isolation.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        tables=["equal_removal", "isolation"],
        labels=config["labels"],
        resamples=config["statistics"]["resamples"],
        permutations=config["statistics"]["permutations"],
        seed=config["statistics"]["seed"],
        code=code_version("tabulate_isolation"),
    script:
        "../workflow_scripts/tabulate_isolation.py"


rule plot_agreement:
    input:
        style=STYLE,
        effects=f"{R}/tables/equal_removal.csv",
        isolation=f"{R}/tables/isolation.csv",
        shares=f"{R}/tables/region_neurons.csv",
        activation=f"{R}/tables/importance_activation.csv",
    output:
        svg=f"{R}/figures/{{model}}/agreement.svg",
        png=report(f"{R}/figures/{{model}}/agreement.png", **caption("agreement", "2 Removal")),
    log:
        f"{R}/logs/plot_agreement/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        sequences=config["tokens"]["max_sequences"]["test"],
        labels=config["labels"],
        code=code_version("plot_agreement"),
    script:
        "../workflow_scripts/plot_agreement.py"
