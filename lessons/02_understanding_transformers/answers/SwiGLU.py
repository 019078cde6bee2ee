"""Known answers to `SwiGLU`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "SwiGLU",
        "gate_and_up_swapped",
        "silu goes over the up-projection, and the gate is multiplied as it is. It could learn as well, but weights "
        "from elsewhere give something else.",
        change=(
            ("F.silu(self.gate(x))", "F.silu(self.up(x))"),
            ("opening * self.up(x)", "opening * self.gate(x)"),
        ),
    ),
    Wrong(
        "SwiGLU",
        "sigmoid",
        "The gate opens by a sigmoid: that is the older GLU. silu(z) is z * sigmoid(z).",
        change=("F.silu(self.gate(x))", "torch.sigmoid(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "gelu",
        "The gate goes through GELU: that is GEGLU, of the same paper. Here it is silu.",
        change=("F.silu(self.gate(x))", "F.gelu(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "relu",
        "The gate goes through ReLU. silu is smooth and lets a little through below 0.",
        change=("F.silu(self.gate(x))", "F.relu(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "added",
        "Gate and up-projection are added. A gate multiplies: only so can it shut a feature.",
        change=("opening * self.up(x)", "opening + self.up(x)"),
    ),
    Wrong(
        "SwiGLU",
        "silu_on_both",
        "The up-projection goes through silu as well. Only the gate does.",
        change=("opening * self.up(x)", "opening * F.silu(self.up(x))"),
    ),
    Wrong(
        "SwiGLU",
        "silu_after_the_product",
        "silu goes over the product of gate and up-projection. It belongs to the gate alone, before the product.",
        change=(
            ("F.silu(self.gate(x))", "self.gate(x)"),
            ("opening * self.up(x)", "F.silu(opening * self.up(x))"),
        ),
    ),
    Wrong(
        "SwiGLU",
        "no_gate",
        "The gate is missing: this is an ordinary layer, down(silu(up(x))).",
        change=(("F.silu(self.gate(x))", "F.silu(self.up(x))"), ("opening * self.up(x)", "opening")),
    ),
    Right(
        "SwiGLU",
        "from_the_formula",
        code='''
class SwiGLU(nn.Module):
    """silu written out."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        z = self.gate(x)
        return self.down(self.up(x) * z / (1 + torch.exp(-z)))
''',
    ),
    Right(
        "SwiGLU",
        "functional",
        code='''
class SwiGLU(nn.Module):
    """Gate and up-projection in one product."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        both = F.linear(x, torch.cat((self.gate.weight, self.up.weight)))
        gate, up = both.tensor_split(2, dim=-1)
        return torch.einsum("...f,df->...d", torch.sigmoid(gate) * gate * up, self.down.weight)
''',
    ),
]
