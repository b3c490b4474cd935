"""What the processes of test_distributed run: many importances in one start, which costs more than all of them."""

import json
import sys
from pathlib import Path

from langatlas.locate.distributed import importance_of_spread_shard
from langatlas.models.processes import joined

if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with joined() as part:
        for case in job["cases"]:
            importance_of_spread_shard(case, part)
