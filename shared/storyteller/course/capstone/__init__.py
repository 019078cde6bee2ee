"""The capstone: a whole storyteller from the student's own parts.

    parts = capstone.gather()                        # whose is what, as a table
    run = capstone.train(parts, minutes=3)           # corpus, tokenizer, model, training, checkpoints
    run.curves()
    print(run.tell("A little girl named Mia"))
    run.export("my-storyteller")                     # the model card names the student's parts

The pipeline is that of `storyteller train` (`storyteller.pipeline`); the parts go in where it, the model, the trainer
and the sampler take theirs as arguments. So the run's folder is like any other: `storyteller tell`, `serve`, `evaluate`
and `export` read it. They load the weights into the library's own parts. That changes nothing, for a part of the
student's goes in only if it passed its check and gave the same results on a realistic input: the weights are all that a
run has learned, and whose code multiplies them is not written in them. `parts.json` in the folder says who wrote what.
"""

from storyteller.course.capstone.fitting import as_parts
from storyteller.course.capstone.gathering import Gathered, Source, gather
from storyteller.course.capstone.running import train
from storyteller.course.capstone.telling import Run

__all__ = ["Gathered", "Run", "Source", "as_parts", "gather", "train"]
