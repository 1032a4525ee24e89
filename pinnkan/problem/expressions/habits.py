"""Words of other programs and of paper for what has a name of its own here: hints, never meanings."""

from __future__ import annotations

import unicodedata

#: What other programs call it -> what is written here.
_SAME = {
    **dict.fromkeys(("laplacian", "laplace", "nabla2", "del2", "delta", "Delta"), "lap(u)"),
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
    **dict.fromkeys(("fabs", "norm"), "abs"),
    **dict.fromkeys(("maximum", "fmax"), "max"),
    **dict.fromkeys(("minimum", "fmin"), "min"),
}
#: Signs of paper -> what is written here.
_SIGNS = {"Δ": "lap(u)", "∆": "lap(u)", "∇": "grad(u), div(k*grad(u)) or lap(u)", "∂": "u_x or dx(u)", "√": "sqrt(...)",
          "∞": "a number", "≤": "a single =", "≥": "a single =", "′": "u_x or dx(u)", "∫": "integral(...)",
          "π": "pi", "²": "**2", "³": "**3"}  # fmt: skip

#: Greek letters whose name in Unicode is not what one writes, or has a meaning in Python.
_LETTERS = {"lamda": "lam", "lambda": "lam", "symbol": "theta"}


def habit_of(word: str) -> str:
    """A hint where a name is what something else is called elsewhere, or an empty text."""
    return f"write {_SAME[word]}" if word in _SAME else ""


def sign_of(sign: str) -> str:
    """A hint for a character that no expression holds: a Greek letter by its name, a sign by its word, or ""."""
    if sign in _SIGNS:
        return f"write {_SIGNS[sign]}"
    name = unicodedata.name(sign[:1], "")
    if not name.startswith("GREEK "):
        return ""
    letter = name.split(" WITH ")[0].split()[-1].lower()
    return f"names have letters from a to z: write {_LETTERS.get(letter, letter)}"
