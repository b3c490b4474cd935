"""Write the merged config of this run, defaults included. Output: YAML that --configfile reads back."""

import yaml

from langatlas import runlog
from langatlas.files import atomic

if __name__ == "__main__":
    with runlog.job(snakemake), atomic(snakemake.output.config) as path:
        text = yaml.safe_dump(snakemake.params.config, allow_unicode=True, sort_keys=False)
        path.write_text(text, encoding="utf-8")
