"""Questions about lesson 02."""

from storyteller_course.exercises.recall import choice, number, recall_exercise

recall = recall_exercise(
    about="lesson 02",
    seed=3,
    pool=[
        choice(
            "Why are attention's scores divided by the square root of the head width?",
            "or their spread grows with the width, and the softmax becomes nearly one-hot",
            {
                "so that the weights sum to 1": "The softmax sees to that, whatever the scores are.",
                "so that the future cannot be seen": "The mask does that.",
            },
        ),
        choice(
            "Where is the causal mask applied?",
            "to the scores, before the softmax",
            {
                "to the weights, after the softmax": "Then the future has already been counted in the denominator.",
                "to the values": "They have no pairs of tokens that could be hidden from each other.",
            },
        ),
        number(
            "A model is 64 wide and has 4 heads. How wide is a head?",
            16,
            {64: "The heads share the width.", 256: "The heads share the width; they do not multiply it."},
        ),
        choice(
            "What does RoPE turn?",
            "queries and keys",
            {
                "queries, keys and values": "The values stay as they are: positions count for who looks at whom.",
                "the embeddings": "A learned position is added there; RoPE works in every layer's attention.",
            },
        ),
        choice(
            "After RoPE, what does the score of two tokens depend on, beside their contents?",
            "on how far apart they are",
            {
                "on both absolute positions": "Turning both by the same angle changes no product.",
                "on the length of the text": "Nothing in the turning knows it.",
            },
        ),
        choice(
            "In a block with pre-norm, what is added to the residual stream?",
            "what attention or the feed-forward part makes of a normalized copy",
            {
                "the normalized stream": "The norm is only on the way into a part.",
                "the sum, normalized": "That is post-norm.",
            },
        ),
        choice(
            "What does RMSNorm divide by?",
            "the root of the mean square of a token's features",
            {
                "their standard deviation, after the mean is taken off": "That is LayerNorm.",
                "the largest of them": "Then one large feature would decide about all.",
            },
        ),
        number(
            "How many matrices has a SwiGLU?",
            3,
            {2: "There is a third: gate, up and down.", 4: "Attention has four."},
        ),
        choice(
            "Which part of a block lets a token see other tokens?",
            "attention alone",
            {
                "the feed-forward part alone": "It works on each token by itself.",
                "both": "The feed-forward part works on each token by itself.",
            },
        ),
        number(
            "An untrained model gives each of 512 tokens the same probability. What is its loss, in nats, to two "
            "decimals?",
            6.24,
            {9: "These are bits: the natural logarithm gives nats.", 0: "Only a model that is sure and right has 0."},
        ),
    ],
)
