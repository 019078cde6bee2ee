"""Fingerprints of code that survive new names, other comments and another order: of its tokens and of its syntax tree.

Tokens: every run of `GRAM` normalised tokens is hashed, and of every `WINDOW` neighbouring hashes the smallest is kept:
winnowing (Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", 2003, section 3).
A text shared with another of at least `GRAM + WINDOW - 1` tokens is found for sure; one shorter than `GRAM` never.

Trees: every statement and expression of at least `MIN_TREE_NODES` nodes is hashed, names and literals left out.

What its author named is one name to us, all numbers are one number and all texts one text. What the language and its
libraries name (`len`, `torch.softmax`, `.append`) stays.
"""

import ast
import hashlib
import io
import keyword
import tokenize
from dataclasses import dataclass

GRAM = 8  # tokens
WINDOW = 4  # hashes
MIN_TREE_NODES = 6  # nodes of a tree
MAX_SOURCE_CHARS = 100_000  # characters of a text that are looked at

_IGNORED_TOKENS = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
                tokenize.ENDMARKER}  # fmt: skip


@dataclass(frozen=True)
class Fingerprints:
    """What is known of a text: each hash with the lines on which it stands first, counted from 1."""

    tokens: dict[int, tuple[int, int]]
    trees: dict[int, tuple[int, int]]

    @property
    def all(self) -> dict[int, tuple[int, int]]:
        """Both kinds; they never have a hash in common."""
        return self.tokens | self.trees


def fingerprints(source: str) -> Fingerprints:
    """The fingerprints of some code. Of code that is not Python only the tokens are looked at, as far as they go."""
    source = readable(source)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Fingerprints(_winnow(_tokens(source, None)), {})
    own = own_names(tree)
    return Fingerprints(_winnow(_tokens(without_docstrings(source, tree), own)), tree_hashes(tree, own))


def readable(source: str) -> str:
    """As much of a text as is looked at, without what Python's own readers cannot encode: halves of characters."""
    return source[:MAX_SOURCE_CHARS].replace("\0", "").encode("utf-8", "replace").decode()


def winnow(hashes: list[int], window: int = WINDOW) -> list[int]:
    """The places of the hashes that are kept: in every window its smallest, of equal ones the last.

    >>> winnow([77, 74, 42, 17, 98, 50, 17, 98, 8, 88, 67, 39, 77, 74, 42, 17, 98])  # the paper's figure 2
    [3, 6, 8, 11, 15]
    """
    kept: list[int] = []
    for start in range(max(1, len(hashes) - window + 1) if hashes else 0):
        place = min(range(start, min(start + window, len(hashes))), key=lambda at: (hashes[at], -at))
        if not kept or place != kept[-1]:
            kept.append(place)
    return kept


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _winnow(tokens: list[tuple[str, int]]) -> dict[int, tuple[int, int]]:
    grams = [tokens[start : start + GRAM] for start in range(len(tokens) - GRAM + 1)]
    hashes = [_hash("t " + " ".join(text for text, _ in gram)) for gram in grams]
    kept: dict[int, tuple[int, int]] = {}
    for place in winnow(hashes):
        kept.setdefault(hashes[place], (grams[place][0][1], grams[place][-1][1]))
    return kept


def _tokens(source: str, own: frozenset[str] | None) -> list[tuple[str, int]]:
    """Each token, normalised, with its line; `own` None takes every name that is no keyword for the author's."""
    tokens: list[tuple[str, int]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _IGNORED_TOKENS:
                continue
            text = token.string
            if token.type == tokenize.NUMBER:
                text = "0"
            elif token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
                text = "''"
            elif token.type == tokenize.NAME and not keyword.iskeyword(text) and (own is None or text in own):
                text = "v"
            tokens.append((text, token.start[0]))
    except (tokenize.TokenError, SyntaxError, UnicodeError):  # the last from Python 3.13.0, behind a lone "\r"
        return tokens  # what came before the fault
    return tokens


def own_names(tree: ast.AST) -> frozenset[str]:
    """The names that this code gives to something: variables, parameters, functions, classes, its own attributes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias) and node.asname:
            names.add(node.asname)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return frozenset(names)


def _docstring(node: ast.AST) -> ast.stmt | None:
    """The statement that is a docstring, or any other text that stands for itself."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node
    return None


def without_docstrings(source: str, tree: ast.AST) -> str:
    """The same lines, those of docstrings empty."""
    lines = source.split("\n")
    for node in ast.walk(tree):
        text = _docstring(node)
        if text is None or text.end_lineno is None or lines[text.lineno - 1].encode()[: text.col_offset].strip():
            continue  # the last: it shares its line with code
        lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    return "\n".join(lines)


def tree_hashes(tree: ast.AST, own: frozenset[str]) -> dict[int, tuple[int, int]]:
    """The hash of every subtree that is large enough, with its lines."""
    found: dict[int, tuple[int, int]] = {}
    done: dict[int, tuple[str, int]] = {}  # by the node's identity, a subtree in one word, and how many nodes it has
    waiting, order = [tree], []
    while waiting:  # on a list of our own: a sum of 1,500 terms is a tree as deep
        order.append(node := waiting.pop())
        waiting += _counting_children(node)
    for node in reversed(order):  # children before their parents
        words, size = [type(node).__name__], 1
        for name, value in ast.iter_fields(node):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.AST) and id(item) in done:
                    word, count = done[id(item)]
                    words.append(word)
                    size += count
                elif isinstance(item, str) and name != "value":
                    words.append("v" if item in own else item)
        done[id(node)] = f"{_hash('a ' + ' '.join(words)):x}", size
    for node in order:  # of equal subtrees the first in the text counts
        word, size = done[id(node)]
        if size >= MIN_TREE_NODES and isinstance(node, ast.stmt | ast.expr):
            place = node.lineno, node.end_lineno or node.lineno
            found[int(word, 16)] = min(place, found.get(int(word, 16), place))
    return found


def _counting_children(node: ast.AST) -> list[ast.AST]:
    """The parts of a node, without contexts (is a name read or written?) and docstrings."""
    return [
        child
        for child in ast.iter_child_nodes(node)
        if not isinstance(child, ast.expr_context) and _docstring(child) is None
    ]
