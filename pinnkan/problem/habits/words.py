"""Words of other programs and of paper for what has a name of its own here: hints, never meanings."""

import re
import unicodedata
from collections.abc import Sequence

_PEAK = "exp(-(x/w)**2)/(w*sqrt(pi))"
PARTS = "two unknowns, the real and the imaginary part"
_STRONG = "equations hold at every point, in no weak form: -div(k*grad(u)) = f"
#: What other programs call it, in capitals or not -> what is written here.
_SAME = {
    **dict.fromkeys(("laplacian", "laplace", "nabla2", "del2", "Delta"), "lap(u)"),
    **dict.fromkeys(("delta",), f"lap(u), or for a point source {_PEAK}"),
    **dict.fromkeys(("dirac", "Dirac", "DiracDelta"), f"a narrow peak: {_PEAK}"),
    **dict.fromkeys(("diff", "derivative", "D", "d", "partial", "deriv", "grad_x", "pdiff"), "u_x, u_xx or dx(u)"),
    **dict.fromkeys(("jacobian", "hessian"), "u_x, u_xx, u_xy or dx(u)"),
    **dict.fromkeys(("gradient", "nabla"), "grad(u), or u_x for a part of it"),
    **dict.fromkeys(("divergence", "div_grad", "divgrad"), "div(k*grad(u))"),
    **dict.fromkeys(("curl", "rot"), "its parts out: v_x - u_y in the plane"),
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
    **dict.fromkeys(("H", "step", "theta", "where", "piecewise", "unitstep", "heavisidetheta", "iif"), "heaviside"),
    **dict.fromkeys(("conj", "conjugate", "real", "imag", "re", "im", "arg"), PARTS),
    **dict.fromkeys(("integrate", "quad", "trapz", "nintegrate"), "integral(u), in a condition `where: domain`"),
    **dict.fromkeys(("mean", "average"), "integral(u) over the size of the domain, in a condition `where: domain`"),
    **dict.fromkeys(("fabs",), "abs"),
    **dict.fromkeys(("dot", "inner", "norm"), f"u_x**2 + u_y**2 for grad(u) times itself; {_STRONG}"),
    **dict.fromkeys(("testfunction", "trialfunction", "assemble"), f"the equation alone: {_STRONG}"),
    **dict.fromkeys(("atan2", "arctan2"), "atan(y/x)"),
    **dict.fromkeys(("hypot",), "sqrt(x**2 + y**2)"),
    **dict.fromkeys(("sinc",), "sin(x)/x"),
    **dict.fromkeys(("cbrt",), "sign(x)*abs(x)**(1/3)"),
    **dict.fromkeys(("expm1",), "exp(x) - 1"),
    **dict.fromkeys(("log1p",), "log(1 + x)"),
    **dict.fromkeys(("arcsin", "arccos", "arctan"), "asin, acos or atan"),
    **dict.fromkeys(("asinh", "arcsinh", "arsinh"), "log(x + sqrt(x**2 + 1))"),
    **dict.fromkeys(("acosh", "arccosh", "arcosh"), "log(x + sqrt(x**2 - 1))"),
    **dict.fromkeys(("atanh", "arctanh", "artanh"), "log((1 + x)/(1 - x))/2"),
    **dict.fromkeys(("maximum", "fmax"), "max"),
    **dict.fromkeys(("minimum", "fmin"), "min"),
}
_TYPED = "it as in Python: a/b, x**2, sin(x), u_xx, lap(u)"
#: Signs of paper -> what is written here.
_SIGNS = {"Δ": "lap(u)", "∆": "lap(u)", "∇": "grad(u), div(k*grad(u)) or lap(u)", "∂": "u_x or dx(u)", "√": "sqrt(...)",
          "∞": "a number", "≤": "a single =", "≥": "a single =", "′": "u_x or dx(u)", "∫": "integral(...)",
          "π": "pi", "²": "**2", "³": "**3",
          "|": "abs(...)", "{": "u_x, without { }", "\\": _TYPED, "$": _TYPED,
          "%": "/100 for percent; there is no remainder", ";": "each equation in a line of its own, without ;",
          "&": "a product of heaviside(...) where both hold", "@": "*", "!": "the product out",
          **dict.fromkeys("“”‘’„«»", "plain quotes, or none")}  # fmt: skip

#: Greek letters whose name in Unicode is not what one writes, or has a meaning in Python.
_LETTERS = {"lamda": "lam", "lambda": "lam", "symbol": "theta"}


_GREEK = {unicodedata.name(chr(code)).split()[-1].lower() for code in range(0x3B1, 0x3CA)} | {*_LETTERS, "lam"}


def habit_of(word: str) -> str:
    """A hint where a name is what something else is called elsewhere, in capitals or not; or an empty text."""
    meant = _SAME.get(word) or _SAME.get(word.lower())
    return f"write {meant}" if meant else ""


def operator_of(name: str, coordinates: Sequence[str]) -> str:
    """A hint for a derivative as other programs call one: ``dxx``, ``d2x``, ``ddx``, ``d2_dx2``, ``Dx``; else ""."""
    found = re.fullmatch(r"(?:d(\d?)_?)?(?:[dD]|partial|diff)?(\d?)_?([a-z]+)(\d?)", name)
    letters = list(found[3]) if found else []
    if found is None or name == found[3] or not set(letters) <= set(coordinates):
        return ""
    order = max([int(digit) for digit in (found[1], found[2], found[4]) if digit], default=1)
    letters = letters * order if len(letters) == 1 else letters
    return f"write {''.join(f'd{c}(' for c in letters)}u{')' * len(letters)}" if 1 <= len(letters) <= 9 else ""


def is_greek(name: str) -> bool:
    """Whether a name is that of a Greek letter, as constants have: ``mu``, ``alpha``, ``lam``."""
    return name.lower() in _GREEK


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
