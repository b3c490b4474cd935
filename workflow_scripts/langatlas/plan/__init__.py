"""What a run will cost, told before it starts: jobs, GPU hours, disk and peak memory of every stage. No torch, no download.

``shapes``: the tensors of a model; ``rates``: tokens a second of a device; ``files``: bytes of every output;
``memory``: peaks of every kind of job; ``costs``: tokens that a job reads; ``tables``: all of it by stage.
"""
