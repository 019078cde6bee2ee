"""Known answers to `read_all`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

WHILE = "while all_reduce(torch.tensor(float(len(waiting)))) > 0:"
STEP = "step(waiting.pop(0) if waiting else None)"
OWN_BATCHES = (WHILE, "while len(waiting) > 0:")

answers = [
    Given("read_all", change=(OWN_BATCHES, (STEP, "step(waiting.pop(0))"))),
    Wrong(
        "read_all",
        "asked_once",
        "The number of steps is agreed on once, and it is the sum over the ranks: far too many. What is left is to be "
        "asked before each step, or the largest number be found.",
        code="""
        def read_all(batches, step, all_reduce):
            waiting = list(batches)
            most = int(all_reduce(torch.tensor(float(len(waiting)))))
            for _ in range(most):
                step(waiting.pop(0) if waiting else None)
            return most
        """,
    ),
    Wrong(
        "read_all",
        "all_stop_with_the_first",
        "All ranks stop as soon as one has nothing left. Nobody waits for ever, but batches of the others are never "
        "read.",
        code="""
        def read_all(batches, step, all_reduce):
            steps = 0
            for batch in [*batches, None]:
                if all_reduce(torch.tensor(float(batch is None))) > 0:
                    break
                step(batch)
                steps += 1
            return steps
        """,
    ),
    Wrong(
        "read_all",
        "last_batch_again",
        "A rank that has nothing left uses its last batch once more. Then this batch counts twice: it should take part "
        "with None.",
        change=(
            ("waiting = list(batches)", "waiting, last = list(batches), None"),
            (
                STEP,
                "last = waiting.pop(0) if waiting else last\n        step(last)",
            ),
        ),
    ),
    Wrong(
        "read_all",
        "idle_ranks_do_not_step",
        "A rank that has nothing left is asked before each step, and then does not call `step`: the others wait for it "
        "there.",
        change=(STEP, "step(waiting.pop(0)) if waiting else None"),
    ),
    Wrong(
        "read_all",
        "own_steps",
        "What is given back counts this rank's own batches. The updates of all are asked for, idle ones included.",
        change=("return steps", "return len(batches)"),
    ),
    Right(
        "read_all",
        "asked_behind_the_step",
        code="""
        def read_all(batches, step, all_reduce):
            steps, left = 0, all_reduce(torch.tensor([len(batches)])).item()
            while left:
                step(batches[steps] if steps < len(batches) else None)
                steps += 1
                left = all_reduce(torch.tensor([max(0, len(batches) - steps)])).item()
            return steps
        """,
    ),
    Right(
        "read_all",
        "the_largest_number_from_sums",
        code="""
        def read_all(batches, step, all_reduce):
            most = 0
            while all_reduce(torch.tensor(1.0 if len(batches) > most else 0.0)):
                most += 1
            for number in range(most):
                if number < len(batches):
                    step(batches[number])
                else:
                    step(None)
            return most
        """,
    ),
]
