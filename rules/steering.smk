# What a model writes when one language's neurons are silenced and another's held at their mean. One job an experiment.
#
# IN   results/models/{model}/model.json, results/{model}/neurons/{method}.parquet, activations and test shards of the languages
# OUT  results/{model}/steering/{steering}.parquet, results/tables/steering.*


rule steer_text:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: tokenizer_files(wildcards.model),
        neurons=lambda wildcards: f"{R}/{wildcards.model}/neurons/{config['steering'][wildcards.steering]['method']}.parquet",
        activations=lambda wildcards: [
            f"{R}/{wildcards.model}/activations/{language}.safetensors"
            for language in steered_languages(wildcards.steering)
        ],
        shards=lambda wildcards: [
            f"{R}/{wildcards.model}/tokens/{language}/test/00000.arrow"
            for language in steered_languages(wildcards.steering)
        ],
    output:
        rows=f"{R}/{{model}}/steering/{{steering}}.parquet",
    log:
        f"{R}/logs/steer_text/{{model}}/{{steering}}.log",
    benchmark:
        f"{R}/benchmarks/steer_text/{{model}}/{{steering}}.tsv"
    wildcard_constraints:
        steering=alternatives(config["steering"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=120,
    params:
        tokenizer=lambda wildcards: f"{R}/models/{wildcards.model}",
        pairs=lambda wildcards: steered_pairs(config, wildcards.steering),
        languages=lambda wildcards: steered_languages(wildcards.steering),
        detectable=lambda wildcards: config["steering"][wildcards.steering]["detectable"] or config["languages"],
        prompts_each=lambda wildcards: config["steering"][wildcards.steering]["count"],
        prompt_tokens=lambda wildcards: config["steering"][wildcards.steering]["prompt_tokens"],
        max_new_tokens=lambda wildcards: config["steering"][wildcards.steering]["max_new_tokens"],
        random_seed=lambda wildcards: config["steering"][wildcards.steering]["seed"],
        precision=config["perplexity"]["precision"],
        code=code_version("steer_text"),
    script:
        "../workflow_scripts/steer_text.py"


rule tabulate_steering:
    input:
        rows=steering_files(),
    output:
        **table_outputs("steering"),
    log:
        f"{R}/logs/tabulate_steering.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        permutations=config["statistics"]["permutations"],
        random_seed=config["statistics"]["seed"],
        code=code_version("tabulate_steering"),
    script:
        "../workflow_scripts/tabulate_steering.py"
