# Models: the mini model is trained here; any other comes from a folder or the Hub. Both end as a manifest, model.json,
# and the tokenizer's two files. Every later job compares config and weights with the hash in the manifest.
#
# IN   results/corpora/{corpus}/{language}/pretrain.parquet (mini), or the files of the folder config.checkpoints.{model}.path
# OUT  results/models/{model}/model.json, tokenizer.json, tokenizer_config.json
#      mini also: config.json, model.safetensors, training.csv


rule train_tokenizer:
    input:
        documents=lambda wildcards: [
            paths.documents(config, wildcards.model, language, "pretrain")
            for language in config["checkpoints"][wildcards.model]["languages"]
        ],
    output:
        tokenizer=f"{R}/models/{{model}}/tokenizer.json",
        config=f"{R}/models/{{model}}/tokenizer_config.json",
    log:
        f"{R}/logs/train_tokenizer/{{model}}.log",
    wildcard_constraints:
        model=paths.alternatives(paths.models(config, mini=True)),
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        vocabulary_size=lambda wildcards: config["checkpoints"][wildcards.model]["vocabulary_size"],
        sequence_length=config["tokens"]["sequence_length"],
        code=code_version("train_tokenizer"),
    script:
        "../workflow_scripts/train_tokenizer.py"


rule train_mini:
    input:
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        pretrain=lambda wildcards: paths.mini_shards(config, wildcards.model, "pretrain"),
        validation=lambda wildcards: paths.mini_shards(config, wildcards.model, "locate"),
    output:
        weights=f"{R}/models/{{model}}/model.safetensors",
        config=f"{R}/models/{{model}}/config.json",
        curve=f"{R}/models/{{model}}/training.csv",
        manifest=f"{R}/models/{{model}}/model.json",
    log:
        f"{R}/logs/train_mini/{{model}}.log",
    benchmark:
        f"{R}/benchmarks/train_mini/{{model}}.tsv"
    wildcard_constraints:
        model=paths.alternatives(paths.models(config, mini=True)),
    conda:
        "../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=60,
    params:
        architecture=lambda wildcards: config["checkpoints"][wildcards.model]["architecture"],
        training=lambda wildcards: config["checkpoints"][wildcards.model]["training"],
        sequence_length=config["tokens"]["sequence_length"],
        code=code_version("train_mini"),
    script:
        "../workflow_scripts/train_mini.py"


rule fetch_model:
    input:
        files=lambda wildcards: checkpoint_files(paths.source(config, wildcards.model)),
    output:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=f"{R}/models/{{model}}/tokenizer.json",
        config=f"{R}/models/{{model}}/tokenizer_config.json",
    log:
        f"{R}/logs/fetch_model/{{model}}.log",
    wildcard_constraints:
        model=paths.alternatives(paths.models(config, mini=False)),
    retries: 2
    localrule: True
    conda:
        "../envs/torch.yaml"
    params:
        path=lambda wildcards: paths.source(config, wildcards.model),
        revision=lambda wildcards: config["checkpoints"][wildcards.model]["revision"],
        dtype=lambda wildcards: config["checkpoints"][wildcards.model]["dtype"],
        lengths=experiments.asked_lengths(config),
        code=code_version("fetch_model"),
    script:
        "../workflow_scripts/fetch_model.py"
