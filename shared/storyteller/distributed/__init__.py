"""Lesson 07: a run whose steps are shared out among several processes, devices and machines.

mesh.py                how the processes are arranged: replicate x shard x expert
data_parallel.py       what the trainer asks where there are several processes; DDP, or weights divided by block
expert_parallel.py     experts on several processes; tokens travel to them and back
sharded_checkpoint.py  checkpoints that every process writes its part of, read by any number of processes
worker.py              one of the processes: how it finds the others, and how it leaves them
data_workers.py        where `storyteller preprocess` cleans and encodes: local processes, or Dask's
launch.py              `storyteller train --processes`: starts them on this machine and watches them
"""
