# Neurons: how often each is active on text of each language, and which belong to which language. Shards add up.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/locate/{shard}.arrow, or released counts
# OUT  results/{model}/activations/{language}.safetensors, results/{model}/neurons/{method}.parquet
#      results/{model}/clamps/{experiment}.json, results/tables/silencing.*, results/figures/{model}/silencing.*
#      results/tables/neuron_counts.*, neuron_layers.*, neuron_overlap.*, results/figures/{model}/neuron_layers.*


rule neurons:
    input:
        neuron_products(),
        neuron_figures(),
    localrule: True


rule accumulate_activations:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        shard=f"{R}/{{model}}/tokens/{{language}}/locate/{{shard}}.arrow",
    output:
        partial=temp(f"{R}/{{model}}/activations/{{language}}/{{shard}}.safetensors"),
    log:
        f"{R}/logs/accumulate_activations/{{model}}/{{language}}/{{shard}}.log",
    benchmark:
        f"{R}/benchmarks/accumulate_activations/{{model}}/{{language}}/{{shard}}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=120,
    params:
        reading=config["neurons"]["reading"],
        sequences=config["neurons"]["sequences"],
        means=config["neurons"]["precision"]["sequences"],
        shards=config["tokens"]["shards"]["locate"],
        batch_size=config["perplexity"]["batch_size"],
        precision=config["perplexity"]["precision"],
        code=code_version("accumulate_activations"),
    script:
        "../workflow_scripts/accumulate_activations.py"


rule combine_activations:
    input:
        partial=[
            f"{R}/{{model}}/activations/{{language}}/{shard:05d}.safetensors"
            for shard in range(config["tokens"]["shards"]["locate"])
        ],
    output:
        activations=f"{R}/{{model}}/activations/{{language}}.safetensors",
    log:
        f"{R}/logs/combine_activations/{{model}}/{{language}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        means=config["neurons"]["precision"]["sequences"],
        code=code_version("combine_activations"),
    script:
        "../workflow_scripts/combine_activations.py"


rule import_activations:
    input:
        counts=counts_file,
    output:
        activations=f"{R}/{{imported}}/activations/{{label}}.safetensors",
    log:
        f"{R}/logs/import_activations/{{imported}}/{{label}}.log",
    wildcard_constraints:
        imported=alternatives(imported_counts()),
        label=r"[\w-]+",
    localrule: True
    conda:
        "../envs/torch.yaml"
    params:
        code=code_version("import_activations"),
    script:
        "../workflow_scripts/import_activations.py"


rule find_neurons:
    input:
        activations=lambda wildcards: activation_files(wildcards.counted),
    output:
        neurons=f"{R}/{{counted}}/neurons/{{method}}.parquet",
    log:
        f"{R}/logs/find_neurons/{{counted}}/{{method}}.log",
    wildcard_constraints:
        counted=alternatives([*config["models"], *imported_counts()]),
        method="lape|precision",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        method=lambda wildcards: wildcards.method,
        languages=lambda wildcards: counted_languages(wildcards.counted),
        lape=config["neurons"]["lape"],
        each=config["neurons"]["precision"]["count"],
        code=code_version("find_neurons"),
    script:
        "../workflow_scripts/find_neurons.py"


for _table, _published in NEURON_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        input:
            neurons=neuron_files(),
            published=[NEURON_PUBLISHED[name] for name in _published],
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
            code=code_version("tabulate_neurons"),
        script:
            "../workflow_scripts/tabulate_neurons.py"


rule plot_neuron_layers:
    input:
        style=STYLE,
        table=f"{R}/tables/neuron_layers.csv",
    output:
        svg=f"{R}/figures/{{counted}}/neuron_layers.svg",
        png=report(f"{R}/figures/{{counted}}/neuron_layers.png", **neuron_caption("neuron_layers")),
    log:
        f"{R}/logs/plot_neuron_layers/{{counted}}.log",
    wildcard_constraints:
        counted=alternatives([*config["models"], *imported_counts()]),
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("plot_neuron_layers"),
    script:
        "../workflow_scripts/plot_neuron_layers.py"


rule choose_clamps:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        neurons=lambda wildcards: [
            f"{R}/{wildcards.model}/neurons/{method}.parquet"
            for method in config["experiments"][wildcards.experiment]["methods"]
        ],
        activations=lambda wildcards: [
            f"{R}/{wildcards.model}/activations/{language}.safetensors"
            for language in silenced_languages(wildcards.experiment)
        ],
    output:
        clamps=f"{R}/{{model}}/clamps/{{experiment}}.json",
    log:
        f"{R}/logs/choose_clamps/{{model}}/{{experiment}}.log",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        chosen=lambda wildcards: config["experiments"][wildcards.experiment],
        silenced=lambda wildcards: silenced_languages(wildcards.experiment),
        code=code_version("choose_clamps"),
    script:
        "../workflow_scripts/choose_clamps.py"


rule tabulate_silencing:
    input:
        rows=perplexity_files(silencing_experiments()) if silencing_experiments() else [],
    output:
        **table_outputs("silencing"),
    log:
        f"{R}/logs/tabulate_silencing.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        resamples=config["statistics"]["resamples"],
        permutations=config["statistics"]["permutations"],
        seed=config["statistics"]["seed"],
        code=code_version("tabulate_silencing"),
    script:
        "../workflow_scripts/tabulate_silencing.py"


rule plot_silencing:
    input:
        style=STYLE,
        table=f"{R}/tables/silencing.csv",
    output:
        svg=f"{R}/figures/{{model}}/silencing.svg",
        png=report(f"{R}/figures/{{model}}/silencing.png", **caption("silencing", "2 Removal")),
    log:
        f"{R}/logs/plot_silencing/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        significance=0.05,
        sequences=config["tokens"]["max_sequences"]["test"],
        labels=config["labels"],
        code=code_version("plot_silencing"),
    script:
        "../workflow_scripts/plot_silencing.py"
