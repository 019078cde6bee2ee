"""Questions about lesson 06."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 06",
    seed=7,
    pool=[
        choice(
            "What is expert iteration?",
            "telling many stories, keeping the good ones, and training on those",
            {
                "training each expert of a layer in its turn": "It has nothing to do with experts of a layer.",
                "asking people which of two stories is better": "That is where pairs for DPO come from.",
            },
        ),
        number(
            "Of 4 stories 1 is good. pass@2, to two decimals?",
            0.5,
            {
                0.44: "That is the obvious estimate, which may draw the same story twice.",
                0.25: "That is pass@1.",
                0.75: "That is pass@3.",
            },
        ),
        choice(
            "Which tokens of a story have a log-probability that counts?",
            "those that the model told itself",
            {
                "all tokens of the row": "The opening and the padding were not drawn by the model.",
                "those with the highest probability": "Every token that was drawn counts, likely or not.",
            },
        ),
        choice(
            "What does a baseline change in the policy gradient?",
            "its variance, not its mean",
            {
                "its mean, not its variance": "On average a baseline that does not hang on the pull adds nothing.",
                "both": "The mean stays as it is.",
            },
        ),
        choice(
            "With what does the leave-one-out baseline compare a story?",
            "with the mean reward of the other stories told to the same opening",
            {
                "with the mean reward of all stories of the step": "Openings differ in how easy they are.",
                "with the best story of its group": "It is a mean, of the others.",
            },
        ),
        choice(
            "All stories of a group earn the same. What are their advantages by GRPO?",
            "all 0",
            {
                "all 1": "An advantage is a difference from the group's mean.",
                "equal to the reward": "The group's mean is taken off first.",
            },
        ),
        number(
            "A token was drawn with probability 0.2, and the model now gives it 0.3. Its importance ratio?",
            1.5,
            {0.1: "That is the difference.", 0.67: "That is the ratio the wrong way round."},
        ),
        choice(
            "When has a token of a good story (advantage above 0) no gradient in the clipped loss?",
            "when it has become likelier by more than the clipping allows",
            {
                "when it has become rarer": "Then it keeps its gradient: the minimum sees to that.",
                "when its ratio is 1": "There the gradient is that of the policy gradient.",
            },
        ),
        choice(
            "What is the reference that the KL is measured to?",
            "the model as it was at the beginning, which does not train",
            {
                "the model as it was one step ago": "Then nothing would hold it over many steps.",
                "a larger model": "It is a copy of the very model that learns.",
            },
        ),
        choice(
            "Paid for consistency alone, what did the model learn to do?",
            "to say little, or what the checker cannot read",
            {
                "to tell longer stories": "Who says little contradicts little: they grew shorter.",
                "nothing": "The reward rose; what it did not see paid for it.",
            },
        ),
    ],
)
