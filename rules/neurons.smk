# Neurons: how often each is active on text of each language, and which belong to which language. Shards add up.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/locate/{shard}.arrow, or released counts
# OUT  results/{model}/activations/{language}.safetensors, results/{model}/neurons/{method}.parquet


rule neurons:
    input:
        products.tables(config, ["neuron_counts", "neuron_layers", "neuron_overlap", "silencing", "steering"]),
        products.figures(config, ["neuron_layers", "silencing"]),
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
        counts=lambda wildcards: experiments.released_counts(config, wildcards.imported, wildcards.label),
    output:
        activations=f"{R}/{{imported}}/activations/{{label}}.safetensors",
    log:
        f"{R}/logs/import_activations/{{imported}}/{{label}}.log",
    wildcard_constraints:
        imported=paths.alternatives(config["neurons"]["counts"]),
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
        activations=lambda wildcards: experiments.activation_files(config, wildcards.counted),
    output:
        neurons=f"{R}/{{counted}}/neurons/{{method}}.parquet",
    log:
        f"{R}/logs/find_neurons/{{counted}}/{{method}}.log",
    wildcard_constraints:
        counted=paths.alternatives([*config["models"], *config["neurons"]["counts"]]),
        method="lape|precision",
    conda:
        "../envs/plot.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        method=lambda wildcards: wildcards.method,
        languages=lambda wildcards: experiments.languages_of_counts(config, wildcards.counted),
        lape=config["neurons"]["lape"],
        each=config["neurons"]["precision"]["count"],
        code=code_version("find_neurons"),
    script:
        "../workflow_scripts/find_neurons.py"
