"""What turns of an agent cost through objstore, through its peers, and through the least that any store could do.

    python -m tests.benchmarks --help

Nothing here reaches beyond 127.0.0.1; S3 is the moto server of the tests. Ratios within one run mean something, seconds
do not.
"""
