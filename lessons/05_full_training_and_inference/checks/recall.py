"""Questions about lesson 04."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 04",
    seed=1,
    pool=[
        choice(
            "Where the target is -100, a token",
            "counts neither in the sum of the loss nor in its mean",
            {
                "counts in the mean with a loss of 0": "Then a row with much padding would look easy.",
                "is replaced by the end token": "It stands there, and is not predicted.",
            },
        ),
        number(
            "A model gives the right token the probability 1/8 at every place. What is its perplexity?",
            8,
            {3: "These are the bits a token.", 0.125: "That is the probability: perplexity is one over it."},
        ),
        choice(
            "Why bits per byte, and not the loss a token, to compare models?",
            "a larger vocabulary has fewer and harder tokens, the bytes stay the same",
            {
                "bits are more exact than nats": "The two differ by a constant factor.",
                "it takes the size of the model into account": "It knows nothing of the model's size.",
            },
        ),
        choice(
            "What does AdamW divide its step by?",
            "the root of a running mean of the squared gradients",
            {
                "the norm of the whole gradient": "Clipping does that, when it is too long.",
                "the number of updates so far": "No: only the correction of the first steps knows the number.",
            },
        ),
        choice(
            "AdamW's weight decay",
            "shrinks the weights themselves, beside the step",
            {
                "is added to the gradient before the averages": "That is Adam with L2: there, the division undoes it.",
                "lowers the learning rate": "The schedule does that.",
            },
        ),
        number(
            "A gradient has the norm 5 and is clipped to 1. One of its entries was 3. What is it now?",
            0.6,
            {1: "The vector is shortened as a whole: all entries by the same factor.", 3: "The norm was above 1."},
        ),
        choice(
            "Two micro-batches have 100 and 300 targets. How do their mean losses count in the update?",
            "with 1/4 and 3/4",
            {
                "with 1/2 each": "Then a target of the small one would count three times as much.",
                "with 1 each": "The gradient would be too long, and depend on how the batch was cut.",
            },
        ),
        choice(
            "Why does float16 need a scaled loss, and bfloat16 none?",
            "float16 has no place for very small gradients, bfloat16 has float32's range",
            {
                "float16 has fewer digits": "It has more digits than bfloat16; the range is what it lacks.",
                "bfloat16 is slower": "It is not, and that would be no reason.",
            },
        ),
        choice(
            "A run goes on from a checkpoint without the optimizer's averages. What happens?",
            "the weights are right, and the next steps go wrong until the averages are there again",
            {
                "nothing: the weights are all that counts": "AdamW's steps depend on what it remembers.",
                "the loss starts from the beginning": "The weights are what was learned.",
            },
        ),
    ],
)
