"""Command line of ``langatlas.interchange``: ``import-…`` reads the released formats, ``export-…`` writes them."""

import argparse
import sys

import pyarrow as pa

from langatlas.files import atomic
from langatlas.interchange import neurons, parameters, passes, stores
from langatlas.models.checkpoint import Manifest
from langatlas.provenance import collect
from langatlas.tokens import FORMAT, SCHEMA, TextTokenizer, sequences_in_order


def import_store(prefix: str, shard: str, tokenizer: str, language: str) -> None:
    """A store -> one token shard. The text behind the ids is what the tokenizer decodes; its bytes are counted."""
    loaded = TextTokenizer.load(tokenizer)
    sequences, _ = stores.read_store(prefix)
    texts = [loaded.tokenizer.decode([int(i) for i in ids], skip_special_tokens=True) for ids in sequences]
    described = {"language": language, "split": "locate", "policy": "drop_long", "imported_from": prefix}
    described |= {"sequence_length": str(max(map(len, sequences))), "vocabulary_size": str(loaded.vocabulary_size)}
    schema = pa.schema(SCHEMA, metadata=collect("interchange", format=FORMAT, tokenizer=loaded.hash, **described))
    columns = [sequences, [len(text.encode()) for text in texts], [len(text) for text in texts]]
    arrays = [pa.array(column, kind) for column, (_, kind) in zip(columns, SCHEMA, strict=True)]
    with atomic(shard) as path, pa.ipc.new_stream(str(path), schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))


def parser() -> argparse.ArgumentParser:
    """Subcommands and their arguments."""
    top = argparse.ArgumentParser(prog="python -m langatlas.interchange", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, *names: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        for argument in names:
            made.add_argument(argument)
        return made

    command("import-store", "PREFIX.bin/.idx/.dis -> token shard", "prefix", "shard", "tokenizer", "language")
    command("export-store", "token shards -> PREFIX.bin/.idx/.dis", "prefix").add_argument("shards", nargs="+")
    made = command("import-importance", "folder of .pt -> importance file", "folder", "output", "manifest", "language")
    made.add_argument("samples", type=int)
    command("export-importance", "importance file -> folder of bf16 .pt", "path", "folder")
    made = command(
        "import-region", "folder of bool .pt -> region file", "folder", "output", "manifest", "region", "side", "ratio"
    )
    made.add_argument("samples", type=int)
    made.add_argument("languages", nargs="+", help="whose importances gave it")
    command("export-neurons", "neuron set -> list of languages of layers (.pt)", "path", "output")
    made = command("import-neurons", "list of languages of layers (.pt) -> neuron set", "path", "output")
    made.add_argument("width", type=int, help="neurons of a layer")
    made.add_argument("languages", nargs="+", help="in the order of the file")
    command(
        "export-passes",
        "translations and statistics of one condition -> PREFIX-proportion.jsonl, -index.jsonl, -result.txt",
        *("rows", "activations", "condition", "prefix"),
    )
    command(
        "import-index",
        "index and proportions (JSON lines) -> activation statistics",
        *("index", "proportions", "output", "model"),
    )
    command("export-region", "region file -> folder of bool .pt", "path", "folder")
    return top


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand."""
    given = vars(parser().parse_args(arguments))
    command = given.pop("command")
    if command == "export-store":
        stores.write_store(given["prefix"], list(sequences_in_order(given["shards"])))
        return
    if "manifest" in given:
        given["manifest"] = Manifest.read(given["manifest"])
    calls = {
        "import-store": import_store,
        "import-importance": parameters.importance_from_folder,
        "export-importance": parameters.importance_to_folder,
        "import-region": parameters.region_from_folder,
        "export-region": parameters.region_to_folder,
        "import-neurons": neurons.neurons_from_file,
        "export-neurons": neurons.neurons_to_file,
        "export-passes": passes.passes_to_files,
        "import-index": passes.index_from_file,
    }
    calls[command](**given)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as mistake:  # in the files that were given: one line says which
        sys.exit("langatlas.interchange: " + " ".join(str(mistake).split()))
