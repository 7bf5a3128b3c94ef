"""How near the engines' own limits we come: `make bench`, one file per path, ratios of one interleaved run.

Absolute rates say something about a machine; what holds everywhere is the ratio of our rate to that of the bare
engine (pgbench, COPY, aiokafka's batches, the SQL statement alone), measured in turns with ours.
"""
