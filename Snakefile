# Language Atlas: locate languages inside a language model, take them away, measure what every language loses.
#
# results/corpora/{corpus}/{language}/{split}.parquet                   text
# results/models/{model}/                                               checkpoint or its manifest, tokenizer
# results/{model}/tokens/{language}/{split}/{shard}.arrow               token shards
# results/{model}/importance/{language}/{samples}.safetensors           theta * summed gradient, signed
# results/{model}/importance-{variant}/{language}/{samples}.safetensors other scores, as controls
# results/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors one bit a parameter
# results/{model}/activations/{language}.safetensors                    how often and how strongly each neuron is active
# results/{model}/neurons/{method}.parquet                              which neurons belong to which language
# results/{model}/interventions/{experiment}.json                       what an experiment changes, readable
# results/{model}/variants/{experiment}/{arm}/                          tensors that further training left different
# results/{model}/{measure}/{experiment}/{language}.parquet             perplexity, generation, questions, translation: one row an
#                                                                       intervention and sequence, text, question or sentence
# results/{model}/pretraining/{experiment}/{arm}.parquet                perplexity after further training, one row a sequence
# results/{model}/agreement/*.csv, controls/*.csv                       counts behind tables of regions beside others
# results/questions/{experiment}/{language}/*.yaml .jsonl               tasks of lm-evaluation-harness
# results/tables/{table}.csv .md .tex .json                             for machines and for people
# results/figures/{model}/{figure}.svg .png .gif
#
# The stages follow each other in this order, and so do the includes.
import functools
import sys

from snakemake.utils import min_version

min_version("9.27")


# Of the workflow, wherever it is started: a relative path would be looked for in the working directory.
configfile: f"{workflow.basedir}/config.yaml"


report: "report/workflow.rst"


# The checked config, and the library that answers every question about it. Rules hold no functions of their own.
sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")
from langatlas import provenance
from langatlas.files import checkpoint_files
from langatlas.workflow import experiments, measures, paths, products, regions, registry, settings

provenance.use_this_checkout()
settings.refuse_unread("config.yaml", workflow.configfiles)
config = settings.checked(config, paths.ROOT / "schemas" / "config.schema.yaml", workflow.configfiles)
R = config["results"]


@functools.cache
def code_version(script, *modules):
    """Hash of an entry script, of what it imports and of modules that it loads by name: a rule reruns when that changes."""
    return provenance.code_version(paths.ROOT / "workflow_scripts" / f"{script}.py", *modules)


include: "rules/start.smk"


wildcard_constraints:
    model=paths.alternatives(config["models"]),
    corpus=paths.alternatives(config["corpora"]),
    language=paths.alternatives(config["languages"]),
    split="pretrain|locate|test",
    shard=r"\d{5}",
    samples=r"\d+",
    region=paths.alternatives(regions.all_names(config)),
    side=r"top|bottom|random-\d+",
    ratio=r"[0-9.e-]+",
    experiment=paths.alternatives(config["experiments"]),
    figure=r"[\w-]+",
    table=r"\w+",


rule all:
    input:
        products.tables(config),
        products.figures(config),
        f"{R}/run_config.yaml",
    localrule: True


include: "rules/targets.smk"
include: "rules/corpora.smk"
include: "rules/models.smk"
include: "rules/tokens.smk"
include: "rules/importance.smk"
include: "rules/regions.smk"
include: "rules/neurons.smk"
include: "rules/interventions.smk"
include: "rules/measures.smk"
include: "rules/pretraining.smk"
include: "rules/controls.smk"
include: "rules/agreement.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
