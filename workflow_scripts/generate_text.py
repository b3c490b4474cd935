"""Let a model continue prompts before and after each region of an experiment is removed. Output: one row a text, Parquet."""

import pyarrow as pa
import pyarrow.parquet as pq

from langatlas import runlog
from langatlas.files import atomic
from langatlas.intervene.removal import open_regions
from langatlas.measure.generation import generate, prompt_of
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer, open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        tokenizer = TextTokenizer.load(params.tokenizer)
        prompts = {}
        for language, path in zip(params.languages, snakemake.input.shards, strict=True):
            given = params.prompts.get(language)
            encoded = [tokenizer.tokenizer.encode(text, add_special_tokens=False).ids for text in given or []]
            prompts[language] = [[tokenizer.start_id, *ids] for ids in encoded] or [
                prompt_of(ids, params.prompt_tokens) for ids in open_shard(path).sequences[: params.prompts_each]
            ]
        model = checkpoint.load(manifest, devices.pick_device())
        rows = generate(
            model,
            tokenizer,
            prompts,
            open_regions(snakemake.input.regions, model, manifest.hash),
            max_new_tokens=params.max_new_tokens,
            precision=params.precision,
        )
        rows.insert(0, "model", manifest.name)
        rows.insert(1, "experiment", snakemake.wildcards.generation)
        rows = rows.astype({"samples": "Int64", "seed": "Int64", "lines": "Int64"})
        table = pa.Table.from_pandas(rows, preserve_index=False)
        with atomic(snakemake.output.rows) as path:
            pq.write_table(
                table.replace_schema_metadata(collect(**devices.as_computed(params)) | {"model_hash": manifest.hash}),
                path,
            )
