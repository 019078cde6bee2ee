"""What `attend_in_heads` must do, case by case."""

from storyteller_course import Exercise, close, shaped

from .oracles import head_by_head

attend_in_heads = Exercise(
    "attend_in_heads",
    in_library="storyteller.transformer.attention.Attention",
    points=8,
    stars=2,
    builds_on=("attend",),
    bug_hunt=True,
    hints=(
        "The result has the right shape, so shapes alone say nothing. Give it two tokens with quite different values "
        "and look whether the second one gathers anything from the first.",
        "`attend` takes its last two dimensions for tokens and features, and everything before for independent cases. "
        "Write down which dimension of the split q stands where.",
        "After the split the shape is (B, T, H, Dh). Attend wants (B, H, T, Dh): swap dimensions 1 and 2 before, and "
        "swap them back before the heads are put side by side.",
    ),
    forbidden=(
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.nn.functional.multi_head_attention_forward",
    ),
)


@attend_in_heads.case("gathers from other tokens, in one head", points=2)
def one_head(student, draw):
    sizes = draw.sample(range(2, 7), 3)
    q, k, v = (draw.tensor(*sizes) for _ in range(3))
    close(student.attend_in_heads(q, k, v, 1), head_by_head(q, k, v, 1), "the output of one head")


@attend_in_heads.case("lets each head attend in its own slice of the features", points=3)
def several_heads(student, draw):
    n_heads, width = draw.choice([3, 4]), draw.choice([2, 3])
    sizes = draw.randint(2, 3), draw.randint(5, 7), n_heads * width
    q, k, v = (draw.tensor(*sizes) for _ in range(3))
    close(student.attend_in_heads(q, k, v, n_heads), head_by_head(q, k, v, n_heads), f"the output of {n_heads} heads")


@attend_in_heads.case("keeps the future closed when causal", points=2)
def heads_causally(student, draw):
    sizes = draw.randint(2, 3), draw.randint(5, 7), 8
    q, k, v = (draw.tensor(*sizes) for _ in range(3))
    got = student.attend_in_heads(q, k, v, 4, causal=True)
    close(got, head_by_head(q, k, v, 4, causal=True), "the output")


@attend_in_heads.case("takes more keys than queries", points=1)
def more_keys(student, draw):
    batch, n_queries, n_keys = draw.sample(range(3, 7), 3)
    q, k, v = (draw.tensor(batch, length, 6) for length in (n_queries, n_keys, n_keys))
    close(student.attend_in_heads(q, k, v, 2), head_by_head(q, k, v, 2), "the output")


@attend_in_heads.case("still gives one token with one head its own value", points=0)
def alone(student, draw):
    q, k, v = (draw.tensor(3, 1, 4) for _ in range(3))
    close(student.attend_in_heads(q, k, v, 1, causal=True), v, "the output for a single token")


@attend_in_heads.case("still keeps the texts of a batch apart", points=0)
def texts_apart(student, draw):
    q, k, v = (draw.tensor(2, 3, 4) for _ in range(3))
    together = student.attend_in_heads(q, k, v, 2)
    shaped(together, q.shape, "the output")
    close(together[:1], student.attend_in_heads(q[:1], k[:1], v[:1], 2), "the output of the first text")
