"""Count what the regions of every pair of languages share. Output: CSV of intersections, unions and sizes."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.overlap import overlaps

if __name__ == "__main__":
    with runlog.job(snakemake), atomic(snakemake.output.csv) as path, open(path, "w", encoding="utf-8") as handle:
        for number, frame in enumerate(overlaps(snakemake.input.regions)):
            frame.to_csv(handle, index=False, header=number == 0)
