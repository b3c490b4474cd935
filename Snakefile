# Language Atlas: locate languages inside a language model, take them away, measure what every language loses.
#
# results/corpora/{corpus}/{language}/{split}.parquet                   text
# results/models/{model}/                                               checkpoint or its manifest, tokenizer
# results/{model}/tokens/{language}/{split}/{shard}.arrow               token shards
# results/{model}/importance/{language}/{samples}.safetensors           theta * summed gradient, signed
# results/{model}/importance-{variant}/{language}/{samples}.safetensors other scores, as controls
# results/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors one bit a parameter
# results/{model}/edits/{experiment}.json                               lines, dimensions or parameters to change
# results/{model}/activations/{language}.safetensors                    how often and how strongly each neuron is active
# results/{model}/neurons/{method}.parquet                              which neurons belong to which language
# results/{model}/clamps/{experiment}.json                              neurons to hold at a value
# results/{model}/agreement/*.csv                                       regions beside neurons: counts behind the tables
# results/{model}/steering/{steering}.parquet                           what the model writes when steered, one row a text
# results/{model}/translation/{translation}.parquet                   translations, one row a condition and sentence
# results/{model}/translation/{translation}/{condition}.safetensors     neurons counted while they were written
# results/{model}/perplexity/{experiment}/{language}.parquet            one row an intervention and sequence
# results/{model}/generation/{generation}.parquet                        what the model writes, one row a text
# results/questions/{questions}/*.yaml .jsonl                           tasks of lm-evaluation-harness
# results/{model}/questions/{questions}.parquet                         answers, one row an intervention and question
# results/{model}/pretraining/{pretraining}/{arm}.parquet               the same after further training, one row a sequence
# results/tables/{table}.csv .md .tex .json                             for machines and for people
# results/figures/{model}/{figure}.svg .png .gif
#
# The stages follow each other in this order, and so do the includes.
from snakemake.utils import min_version

min_version("9.27")


# Of the workflow, wherever it is started: a relative path would be looked for in the working directory.
configfile: f"{workflow.basedir}/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/common_start.smk"
include: "rules/common_experiments.smk"
include: "rules/common_pretraining.smk"
include: "rules/common_controls.smk"
include: "rules/common_generation.smk"
include: "rules/common_engine.smk"
include: "rules/common_questions.smk"
include: "rules/common_neurons.smk"
include: "rules/common_translation.smk"
include: "rules/common_agreement.smk"


wildcard_constraints:
    model=alternatives(config["models"]),
    corpus=alternatives(config["corpora"]),
    language=alternatives(config["languages"]),
    split="pretrain|locate|test",
    shard=r"\d{5}",
    samples=r"\d+",
    region=alternatives(REGIONS),
    side=r"top|bottom|random-\d+",
    ratio=r"[0-9.e-]+",
    experiment=alternatives(config["experiments"]),
    figure=r"[\w-]+",
    table=r"\w+",


rule all:
    input:
        tables(),
        figures(),
        f"{R}/run_config.yaml",
    localrule: True


include: "rules/targets.smk"
include: "rules/corpora.smk"
include: "rules/models.smk"
include: "rules/tokens.smk"
include: "rules/importance.smk"
include: "rules/regions.smk"
include: "rules/edits.smk"
include: "rules/neurons.smk"
include: "rules/perplexity.smk"
include: "rules/generation.smk"
include: "rules/steering.smk"
include: "rules/translation.smk"
include: "rules/questions.smk"
include: "rules/pretraining.smk"
include: "rules/controls.smk"
include: "rules/agreement.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
