"""Questions about lesson 05."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 05",
    seed=6,
    pool=[
        choice(
            "What does a temperature below 1 do to the probabilities of the next token?",
            "the likely tokens become likelier still, the others rarer",
            {
                "all become more alike": "That is what a temperature above 1 does.",
                "the unlikely ones become 0": "That is what top-k and top-p do; a temperature leaves all above 0.",
            },
        ),
        number(
            "Two tokens have the probabilities 0.8 and 0.2. The larger one at temperature 0.5, to two decimals?",
            0.94,
            {0.8: "That is at temperature 1.", 0.67: "That is at temperature 2."},
        ),
        choice(
            "What does a temperature of 0 mean, by agreement?",
            "the likeliest token is always taken",
            {
                "every token is equally likely": "That would be an endlessly high temperature.",
                "nothing is told": "Division by 0 is avoided: 0 means greedy.",
            },
        ),
        choice(
            "Which tokens does top-p keep?",
            "the likeliest ones, until their probabilities together reach p",
            {
                "those whose probability is above p": "That would be a threshold for each token by itself.",
                "the p likeliest ones": "That is top-k, with a number of tokens.",
            },
        ),
        choice(
            "What does the key-value cache save?",
            "computing keys and values of earlier tokens anew at each step",
            {
                "the memory of the weights": "It takes memory of its own.",
                "the softmax over the vocabulary": "Each new token needs it, with a cache or without.",
            },
        ),
        choice(
            "Does a story change when it is told with the cache?",
            "no, the logits are the same up to rounding",
            {
                "yes, it becomes more varied": "The cache holds what would be computed anew, and nothing else.",
                "yes, it becomes shorter": "The cache holds what would be computed anew, and nothing else.",
            },
        ),
        choice(
            "What is distinct-4 of some stories?",
            "the share of their runs of four words that are different ones",
            {
                "the number of different words of four letters": "It counts runs of four words.",
                "how many of four stories differ": "It looks at runs of four words, over all stories.",
            },
        ),
        choice(
            "Why must distinct-4 be compared between equally many stories only?",
            "it falls as stories are added",
            {
                "it takes longer for many": "It is quick for thousands.",
                "it is random": "It is computed, without any chance.",
            },
        ),
        choice(
            "What does a checker of consistency look for in a story?",
            "sentences that cannot be true together",
            {
                "sentences that are dull": "No program of ours knows dullness.",
                "sentences of the training stories": "The longest copied run is another figure.",
            },
        ),
        choice(
            "When does telling a story end?",
            "at the end token, or at the most tokens allowed",
            {
                "at the first full stop": "A story has many sentences.",
                "when the cache is full": "The context then loses its oldest tokens, and the story goes on.",
            },
        ),
    ],
)
