# Token shards: sequences of ids with the size of the text behind each.
#
# IN   results/corpora/{corpus}/{language}/{split}.parquet, results/models/{model}/tokenizer.json
# OUT  results/{model}/tokens/{language}/{split}/{shard}.arrow, stats.json, preview.txt


# The number of shards differs between splits, and a rule's outputs may not depend on its wildcards: one rule a split.
for _split in paths.SPLITS:

    rule:
        name:
            f"tokenize_{_split}"
        input:
            documents=lambda wildcards, split=_split: paths.documents(
                config, wildcards.model, wildcards.language, split
            ),
            tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        output:
            shards=[
                f"{R}/{{model}}/tokens/{{language}}/{_split}/{shard:05d}.arrow"
                for shard in range(config["tokens"]["shards"][_split])
            ],
            stats=f"{R}/{{model}}/tokens/{{language}}/{_split}/stats.json",
        log:
            f"{R}/logs/tokenize/{{model}}/{{language}}/{_split}.log",
        conda:
            "../envs/torch.yaml"
        threads: 4
        resources:
            mem_mb=2000,
            runtime=120,
        params:
            split=_split,
            policy=config["tokens"]["policy"][_split],
            sequence_length=config["tokens"]["sequence_length"],
            max_sequences=config["tokens"]["max_sequences"][_split],
            code=code_version("tokenize_text"),
        script:
            "../workflow_scripts/tokenize_text.py"


rule read:
    input:
        shard=lambda wildcards: paths.token_shards(config, wildcards.model, wildcards.language, wildcards.split)[0],
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
    output:
        preview=f"{R}/{{model}}/tokens/{{language}}/{{split}}/preview.txt",
    log:
        f"{R}/logs/read/{{model}}/{{language}}/{{split}}.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    params:
        sequences=20,
        code=code_version("read"),
    script:
        "../workflow_scripts/read.py"
