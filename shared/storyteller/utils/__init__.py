"""What every package may use.

atomic_io.py  files that are written whole or not at all
device.py     the device that a name stands for
openmp.py     how OpenMP's threads wait for work
workers.py    the cores of this machine, and the workers of a Dask cluster
"""
