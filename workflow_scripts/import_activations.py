"""Read released activation counts of one language (LAPE). Output: activation statistics with counts only, safetensors."""

from langatlas import runlog
from langatlas.interchange.neurons import counts_from_file
from langatlas.provenance import collect, hash_file

if __name__ == "__main__":
    with runlog.job(snakemake):
        path, given = snakemake.input.counts, snakemake.wildcards
        described = {"model": given.imported, "language": given.label, "reading": "gate", "precision": "unknown"}
        described |= {"model_hash": f"imported-{given.imported}", "imported_from": hash_file(path)}
        counts_from_file(path, snakemake.output.activations, collect(snakemake.params.code) | described)
