"""Questions about lesson 03."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 03",
    seed=4,
    pool=[
        choice(
            "What grows with the number of experts, while k stays the same?",
            "the parameters that are stored, and hardly the arithmetic for a token",
            {
                "both alike": "A token visits k experts, however many there are.",
                "the arithmetic for a token, and not the parameters": "It is the other way round.",
            },
        ),
        choice(
            "Over which logits does the softmax of `route_top_k` go?",
            "over those of the k experts that were chosen",
            {
                "over those of all experts": "Then the weights of a token would not sum to 1.",
                "over those of all tokens": "Each token chooses for itself.",
            },
        ),
        choice(
            "With k = 1 and such weights, which gradient do the router's logits get from the language model's loss?",
            "none: the only weight is 1 whatever the logits are",
            {
                "the chosen expert's logit gets one": "Its weight is 1, and stays 1 when the logit moves.",
                "all of them get one": "They have no part in the output, since the only weight is always 1.",
            },
        ),
        choice(
            "Why are tokens sorted by their expert?",
            "so that each expert is called once, with all its rows",
            {
                "so that each expert gets equally many": "Sorting does not change who goes where.",
                "so that attention sees them in order": "They go back to their places before that.",
            },
        ),
        choice(
            "What does the load-balancing loss multiply, for each expert?",
            "its share of the choices and its mean probability",
            {
                "its share of the choices and its loss": "No expert has a loss of its own.",
                "its weight norm and its mean probability": "The weights of the experts have no part in it.",
            },
        ),
        choice(
            "Where does the bias that balances without a loss count?",
            "where experts are chosen, and not in their weights",
            {
                "in the weights, and not in the choice": "It is the other way round: then it could not move tokens.",
                "in both": "The weights are made of the scores alone.",
            },
        ),
        choice(
            "A choice is dropped because its expert is full. What becomes of the token?",
            "it goes on with its other expert and the residual stream",
            {
                "it is left out of the text": "The residual stream carries it on.",
                "it goes to the next best expert": "Nothing is routed anew; the choice adds nothing.",
            },
        ),
        choice(
            "What explains most of what a router chooses, in the models of lesson 03?",
            "the token",
            {
                "the genre of the story": "That explained hardly more than shuffled labels.",
                "the place in the text": "A router does not see it, but for what attention brings in.",
            },
        ),
        number(
            "60 tokens, 8 experts, k = 2: how many tokens has an expert on average?",
            15,
            {7.5: "Each token makes two choices.", 60: "That would be all of them.", 120: "These are all choices."},
        ),
        number(
            "8 experts are equally busy. What is the load-balancing loss, in Switch's form, for k = 1?",
            1,
            {0: "It is at its least, and that is not 0.", 8: "It is multiplied with E, and so is 1 for an even load."},
        ),
    ],
)
