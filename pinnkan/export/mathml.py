"""Equations as they stand in a problem file, typeset: Presentation MathML, which browsers show without a network."""

import ast
import re
from html import escape

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lam": "λ", "lamda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_NAMED_OPERATORS = {"lap": "Δ", "grad": "∇", "div": "∇·"}
_SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "−", ast.Mult: "\u2009"}
_RANK: dict[type, int] = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 4, ast.Pow: 4}
#: Without a font for mathematics Chromium lowers an index by what the letter before it has below the line: u_x was u x.
_STRUT = '<mpadded width="0" height="0" depth="0.2em"><mspace/></mpadded>'
_UNARY = 1
_ATOM = 5


def equation(text: str) -> str:
    """``left = right`` as a ``<math>`` element; a text that is no formula stays a text."""
    try:
        sides = [_typeset(_read(side.strip()))[0] for side in text.split("=")]
    except (SyntaxError, ValueError, RecursionError):
        return f"<code>{escape(text)}</code>"
    return f'<math display="block"><mrow>{"<mo>=</mo>".join(sides)}</mrow></math>'


def _read(text: str) -> ast.expr:
    """The tree of an expression, whose numbers are what was typed: ``5e4`` is not 50000.0.

    Raises SyntaxError, ValueError: it is no formula.
    """
    tree = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if type(node.value) not in (int, float):
                raise ValueError(ast.dump(node))
            node.value = ast.get_source_segment(text, node) or repr(node.value)
    return tree


def _typeset(node: ast.expr) -> tuple[str, int]:
    """The MathML of an expression, and how tightly it binds. Raises ValueError: a node that no formula has."""
    if isinstance(node, ast.Constant):
        return _number(str(node.value).lower()), _ATOM
    if isinstance(node, ast.Name):
        return name(node.id), _ATOM
    if isinstance(node, ast.UnaryOp):
        sign = "−" if isinstance(node.op, ast.USub) else "+"
        return f"<mo>{sign}</mo>{_within(node.operand, 2)}", _UNARY
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node.func.id, node.args)
    raise ValueError(ast.dump(node))


def _binary(node: ast.BinOp) -> tuple[str, int]:
    rank = _RANK[type(node.op)]
    if isinstance(node.op, ast.Div):
        return f"<mfrac><mrow>{_typeset(node.left)[0]}</mrow><mrow>{_typeset(node.right)[0]}</mrow></mfrac>", rank
    if isinstance(node.op, ast.Pow):
        return f"<msup><mrow>{_within(node.left, _ATOM)}</mrow><mrow>{_typeset(node.right)[0]}</mrow></msup>", rank
    right = _within(node.right, rank + isinstance(node.op, ast.Sub))
    between = f"<mo>{_SIGNS[type(node.op)]}</mo>" if rank == 1 else "<mo>·</mo>" if _starts(node.right) else _THIN
    if rank == _RANK[ast.Mult] and isinstance(node.left, ast.UnaryOp):  # -10*(T - 20) is the same as -(10*(T - 20))
        return f"{_typeset(node.left)[0]}{between}{right}", _UNARY
    return f"{_within(node.left, rank)}{between}{right}", rank


_THIN = '<mspace width="0.17em"/>'


def _starts(node: ast.expr) -> bool:
    """Whether an expression begins with a number, which cannot stand right after another factor."""
    while isinstance(node, ast.BinOp):
        node = node.left
    return isinstance(node, ast.Constant)


def _within(node: ast.expr, rank: int) -> str:
    """An expression, in parentheses where it binds less tightly."""
    text, own = _typeset(node)
    return f"<mrow>{text}</mrow>" if own >= rank else _between("(", text, ")")


def _between(opening: str, inside: str, closing: str) -> str:
    """Something in brackets, which are as high as the letters unless a fraction stands inside."""
    kind = "" if "<mfrac>" in inside else ' stretchy="false"'
    return f"<mrow><mo{kind}>{opening}</mo>{inside}<mo{kind}>{closing}</mo></mrow>"


def _call(function: str, arguments: list[ast.expr]) -> tuple[str, int]:
    inside = "<mo>,</mo>".join(_typeset(a)[0] for a in arguments)
    if function == "sqrt":
        return f"<msqrt>{inside}</msqrt>", _ATOM
    if function == "abs":
        return _between("|", inside, "|"), _ATOM
    if function == "integral":
        return f"<mo>∫</mo>{_within(arguments[0], 2)}", 2
    if function in _NAMED_OPERATORS:
        return f"<mo>{_NAMED_OPERATORS[function]}</mo>{_within(arguments[0], _ATOM)}", 2
    derived = re.fullmatch(r"d([xyztn]|x\d+)", function)
    if derived:
        below = f"<mrow><mo>∂</mo>{name(derived[1])}</mrow>"
        return f"<mfrac><mo>∂</mo>{below}</mfrac>{_within(arguments[0], _ATOM)}", 2
    return f"{name(function)}{_between('(', inside, ')')}", _ATOM


def name(word: str) -> str:
    """A name: letters slanted, words upright, what follows an underscore or a letter as a number below."""
    base, _, below = word.partition("_")
    numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", base)
    if numbered and not below:
        base, below = numbered[1], numbered[2]
    shown = f"<mi>{_GREEK.get(base, escape(base))}</mi>"
    if not below:
        return shown
    letters = list(below) if set(below) <= set("xyzt") else [below]  # a derivative's: slanted, one by one
    lower = "".join(f"<mi>{escape(letter)}</mi>" for letter in letters)
    return f"<msub><mrow>{shown}{_STRUT}</mrow><mrow>{lower}</mrow></msub>"


def _number(text: str) -> str:
    mantissa, _, power = text.partition("e")
    if not power:
        return f"<mn>{escape(text)}</mn>"
    ten = f"<msup><mn>10</mn><mn>{str(int(power)).replace('-', '−')}</mn></msup>"
    return ten if float(mantissa) == 1 else f"<mn>{mantissa}</mn><mo>·</mo>{ten}"
