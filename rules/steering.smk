# What a model writes when one language's neurons are silenced and another's held at their mean. One job an experiment.
#
# IN   results/models/{model}/model.json, results/{model}/neurons/{method}.parquet, activations and test shards of the languages
# OUT  results/{model}/steering/{steering}.parquet, results/tables/steering.*


rule steer_text:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        neurons=lambda wildcards: paths.neurons(
            config, wildcards.model, config["steering"][wildcards.steering]["method"]
        ),
        activations=lambda wildcards: [
            paths.activations(config, wildcards.model, language)
            for language in experiments.steered_languages(config, wildcards.steering)
        ],
        shards=lambda wildcards: experiments.test_shards(
            config, wildcards.model, experiments.steered_languages(config, wildcards.steering)
        ),
    output:
        rows=f"{R}/{{model}}/steering/{{steering}}.parquet",
    log:
        f"{R}/logs/steer_text/{{model}}/{{steering}}.log",
    benchmark:
        f"{R}/benchmarks/steer_text/{{model}}/{{steering}}.tsv"
    wildcard_constraints:
        steering=paths.alternatives(config["steering"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=120,
    params:
        tokenizer=lambda wildcards: f"{R}/models/{wildcards.model}",
        pairs=lambda wildcards: experiments.steered_pairs(config, wildcards.steering),
        languages=lambda wildcards: experiments.steered_languages(config, wildcards.steering),
        detectable=lambda wildcards: config["steering"][wildcards.steering]["detectable"] or config["languages"],
        prompts_each=lambda wildcards: config["steering"][wildcards.steering]["count"],
        prompt_tokens=lambda wildcards: config["steering"][wildcards.steering]["prompt_tokens"],
        max_new_tokens=lambda wildcards: config["steering"][wildcards.steering]["max_new_tokens"],
        random_seed=lambda wildcards: config["steering"][wildcards.steering]["seed"],
        precision=config["perplexity"]["precision"],
        code=code_version("steer_text"),
    script:
        "../workflow_scripts/steer_text.py"
