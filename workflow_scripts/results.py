"""What make asks about the results of a config: `results.py findings|clean [options of snakemake]`.

Not a rule's script. Options are read by Snakemake's own parser, config files by its own reader, and the config is checked as
in a run, so that what is printed or removed is what a run with these options has made.
"""

import os
import sys
from pathlib import Path

from snakemake import cli
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings
from snakemake.utils import update_config

sys.path.insert(0, str(Path(__file__).parent))
from langatlas.workflow import settings
from langatlas.workflow.results_folder import ROOT, clean


def checked(options: list[str]) -> dict:
    """The config of a run with these options, in its working directory. Raises ValueError as ``settings.checked``."""
    _, given = cli.parse_args(["--snakefile", str(ROOT / "Snakefile"), "--workflow-profile", "none", *options])
    over = ConfigSettings(config=cli.parse_config(given.config), configfiles=given.configfile or [])
    if given.directory:
        os.chdir(given.directory)
    config = {} if given.replace_workflow_config else dict(load_configfile(ROOT / "config.yaml"))
    update_config(config, over.overwrite_config)
    return settings.checked(config, ROOT / "schemas" / "config.schema.yaml", [ROOT / "config.yaml", *over.configfiles])


if __name__ == "__main__":
    try:
        config = checked(sys.argv[2:])
        if sys.argv[1] == "clean":
            removed, left = clean(config)
            sys.stdout.write(f"removed {len(removed)} products of {config['results']}\n")
            sys.stdout.writelines(f"left alone: {path}\n" for path in left)
        else:
            folder = Path(config["results"])
            text = (folder / "tables" / "findings.md").read_text(encoding="utf-8")
            sys.stdout.write(f"\n{text}\nreport: {folder / 'report.html'}\n")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    except (ValueError, WorkflowError) as error:
        sys.exit(str(error))
