"""The capstone: a whole storyteller from the student's own parts.

    parts = capstone.gather()                        # whose is what, as a table
    run = capstone.train(parts, minutes=3)           # corpus, tokenizer, model, training, checkpoints
    run.curves()
    print(run.tell("A little girl named Mia"))
    run.export("my-storyteller")                     # the model card names the student's parts

The pipeline is that of `storyteller train` (`storyteller.runs.pipeline`); the parts go in where it, the model, the
trainer and the sampler take theirs as arguments. So the run's folder is like any other: `storyteller tell`, `serve`,
`evaluate` and `export` read it. They load the weights into the library's own parts. That changes nothing, for a part of
the student's goes in only if it passed its check and gave the same results on a realistic input: the weights are all
that a run has learned. So the model is built with `build_model(..., equivalent=True)`, which says just that: without it
a checkpoint made with replaced parts is refused by whoever does not replace them too. `parts.json` in the folder says
who wrote what.
"""

from storyteller_course.capstone.adapters import as_run_components
from storyteller_course.capstone.collect import Gathered, Source, gather
from storyteller_course.capstone.finished_run import FinishedRun
from storyteller_course.capstone.train import train

__all__ = ["FinishedRun", "Gathered", "Source", "as_run_components", "gather", "train"]
