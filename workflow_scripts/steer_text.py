"""Let a model continue prompts of one language with its neurons silenced and another's at their mean. Output: one row a text.

params: pairs (source, target), languages (all of them, in the order of input.activations), prompts_each, prompt_tokens,
max_new_tokens, seed, detectable (languages that a text can be said to be in), precision, code
"""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from langatlas import runlog
from langatlas.activation_files import open_together
from langatlas.files import atomic
from langatlas.intervene.silencing import steering
from langatlas.locate.neuron_files import check_model, read_neurons
from langatlas.measure.generation import generate, prompt_of
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer, open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        found = read_neurons(snakemake.input.neurons)
        check_model(found, snakemake.input.neurons, manifest.hash)
        activations = dict(zip(params.languages, open_together(snakemake.input.activations), strict=True))
        model, tokenizer = checkpoint.load(manifest, devices.pick_device()), TextTokenizer.load(params.tokenizer)
        tables = []
        for source in dict.fromkeys(source for source, _ in params.pairs):
            shard = open_shard(snakemake.input.shards[params.languages.index(source)])
            pairs = [tuple(pair) for pair in params.pairs if pair[0] == source]
            tables.append(
                generate(
                    model,
                    tokenizer,
                    {source: [prompt_of(ids, params.prompt_tokens) for ids in shard.sequences[: params.prompts_each]]},
                    list(steering(found, activations, pairs, params.random_seed)),
                    max_new_tokens=params.max_new_tokens,
                    precision=params.precision,
                    labels=params.detectable,
                )
            )
        rows = pd.concat(tables, ignore_index=True)
        rows = rows.assign(model=manifest.name, experiment=snakemake.wildcards.steering, method=found.method)
        table = pa.Table.from_pandas(rows.astype({"seed": "Int64", "lines": "Int64"}), preserve_index=False)
        with atomic(snakemake.output.rows) as path:
            pq.write_table(table.replace_schema_metadata(collect(**params) | {"model_hash": manifest.hash}), path)
