"""Words of other programs and of paper for what has a name of its own here: hints, never meanings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_PEAK = "exp(-(x/w)**2)/(w*sqrt(pi))"
#: What other programs call it -> what is written here.
_SAME = {
    **dict.fromkeys(("laplacian", "laplace", "nabla2", "del2", "Delta"), "lap(u)"),
    **dict.fromkeys(("delta",), f"lap(u), or for a point source {_PEAK}"),
    **dict.fromkeys(("dirac", "Dirac", "DiracDelta"), f"a narrow peak: {_PEAK}"),
    **dict.fromkeys(("diff", "Derivative", "D", "d", "partial", "deriv", "grad_x"), "u_x, u_xx or dx(u)"),
    **dict.fromkeys(("gradient", "nabla"), "grad(u), or u_x for a part of it"),
    **dict.fromkeys(("divergence",), "div(k*grad(u))"),
    **dict.fromkeys(("normal_derivative", "dnormal", "ddn"), "dn(u)"),
    **dict.fromkeys(("ln", "log_e"), "log"),
    **dict.fromkeys(("log10", "lg"), "log(x)/log(10)"),
    **dict.fromkeys(("log2",), "log(x)/log(2)"),
    **dict.fromkeys(("pow", "power"), "a**b"),
    **dict.fromkeys(("square", "sqr"), "a**2"),
    **dict.fromkeys(("cot",), "1/tan(x)"),
    **dict.fromkeys(("sec",), "1/cos(x)"),
    **dict.fromkeys(("csc",), "1/sin(x)"),
    **dict.fromkeys(("sech",), "1/cosh(x)"),
    **dict.fromkeys(("erfc",), "1 - erf(x)"),
    **dict.fromkeys(("sgn", "signum"), "sign"),
    **dict.fromkeys(("H", "step", "theta", "Theta", "where", "piecewise", "Piecewise"), "heaviside"),
    **dict.fromkeys(("fabs",), "abs"),
    **dict.fromkeys(("dot", "inner", "norm"), "u_x**2 + u_y**2 for grad(u) times itself"),
    **dict.fromkeys(("arcsin", "arccos", "arctan"), "asin, acos or atan"),
    **dict.fromkeys(("asinh", "arcsinh", "arsinh"), "log(x + sqrt(x**2 + 1))"),
    **dict.fromkeys(("acosh", "arccosh", "arcosh"), "log(x + sqrt(x**2 - 1))"),
    **dict.fromkeys(("atanh", "arctanh", "artanh"), "log((1 + x)/(1 - x))/2"),
    **dict.fromkeys(("maximum", "fmax"), "max"),
    **dict.fromkeys(("minimum", "fmin"), "min"),
}
#: Signs of paper -> what is written here.
_SIGNS = {"Δ": "lap(u)", "∆": "lap(u)", "∇": "grad(u), div(k*grad(u)) or lap(u)", "∂": "u_x or dx(u)", "√": "sqrt(...)",
          "∞": "a number", "≤": "a single =", "≥": "a single =", "′": "u_x or dx(u)", "∫": "integral(...)",
          "π": "pi", "²": "**2", "³": "**3",
          "|": "abs(...)", "{": "u_x, without { }"}  # fmt: skip

#: Greek letters whose name in Unicode is not what one writes, or has a meaning in Python.
_LETTERS = {"lamda": "lam", "lambda": "lam", "symbol": "theta"}


def habit_of(word: str) -> str:
    """A hint where a name is what something else is called elsewhere, or an empty text."""
    return f"write {_SAME[word]}" if word in _SAME else ""


def shorthand_of(name: str, unknowns: Sequence[str], coordinates: Sequence[str]) -> str:
    """A hint for a derivative as on paper: ``du``, ``d2u`` of a quotient, ``dudx``, ``dudn``, ``u_n``; else ""."""
    if name.endswith("_n") and name[:-2] in unknowns:
        return f"write dn({name[:-2]}) on a side"
    found = re.fullmatch(r"d(\d?)([A-Za-z][A-Za-z0-9]*?)(?:d(n|[A-Za-z]\d*))?", name)
    if not found or found[2] not in unknowns:
        return ""
    if found[3] == "n":
        return f"write dn({found[2]}) on a side"
    if found[3] is None:
        return f"derivatives are written {', '.join(f'{found[2]}_{c}' for c in coordinates)}"
    by = found[3] if found[3] in coordinates else found[3].removesuffix(found[1])
    return f"write {found[2]}_{by * int(found[1] or 1)}" if by in coordinates else ""


def letters_of(word: str) -> str:
    """A name with letters from a to z for one that cannot be a name: ``nu`` for the Greek letter; else ""."""
    hint = f"write {_LETTERS[word]}" if word in _LETTERS else sign_of(word) if len(word) == 1 else ""
    return hint if hint != "write pi" else ""


def sign_of(sign: str) -> str:
    """A hint for a character that no expression holds: a Greek letter by its name, a sign by its word, or ""."""
    if sign in _SIGNS:
        return f"write {_SIGNS[sign]}"
    name = unicodedata.name(sign[:1], "")
    if not name.startswith("GREEK "):
        return ""
    letter = name.split(" WITH ")[0].split()[-1].lower()
    return f"names have letters from a to z: write {_LETTERS.get(letter, letter)}"
