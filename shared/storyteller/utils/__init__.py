"""What every package may use.

atomic_io.py    files that are written whole or not at all
device.py       the device that a name stands for
entry_point.py  how a command of the terminal starts
openmp.py       how OpenMP's threads wait for work
workers.py      the cores of this machine, and the workers of a Dask cluster
"""
