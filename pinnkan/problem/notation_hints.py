"""Hints for keys, places and notation of other programs, of YAML and of paper: they go into messages only."""

import re
import unicodedata
from collections.abc import Sequence

from pinnkan.problem.source import Mapping, Node, Scalar
from pinnkan.problem.source import Sequence as Listed

_NO_CHOICE = "no choice: it stops at the tolerance, `max_time` limits it; leave the key out"
_BY_EQUATION = "the equation says it, as u = 0 or dn(u) = 0; leave the key out"
#: Section as named in messages -> key of another program -> hint.
_KEYS = {
    "the problem": {
        **dict.fromkeys(("variables", "fields", "variable", "outputs", "dependent"), "write unknowns"),
        **dict.fromkeys(("geometry", "mesh", "grid", "box", "space", "ranges"), "write domain"),
        **dict.fromkeys(("pde", "pdes", "ode", "odes", "eq", "eqs", "system"), "write equations"),
        **dict.fromkeys(("bc", "bcs", "ic", "ics", "boundary", "initial", "constraints"), "write conditions"),
        **dict.fromkeys(("solution", "reference", "analytical", "analytic"), "write exact"),
        **dict.fromkeys(("constants", "coefficients", "params", "consts"), "write parameters"),
        **dict.fromkeys(("title", "id"), "write name, or about for a sentence"),
        **dict.fromkeys(("description", "comment"), "write about"),
        **dict.fromkeys(("observables", "integrals", "measure"), "write quantities"),
        **dict.fromkeys(("training", "options", "settings", "train"), "write solver"),
    },
    "the domain": {
        **dict.fromkeys(("time", "T"), "write t"),
        **dict.fromkeys(
            ("r", "theta", "phi", "rho", "s"),
            "coordinates are x, y, z, t; a radius is written as x, with its own derivatives: u_xx + u_x/x",
        ),
    },
    "the section 'solver'": {
        **dict.fromkeys(("tol", "rtol", "accuracy", "error", "eps", "atol"), "write tolerance"),
        **dict.fromkeys(("epochs", "iterations", "max_iter", "steps", "maxiter"), _NO_CHOICE),
        **dict.fromkeys(("lr", "learning_rate", "optimizer", "batch_size", "weights"), _NO_CHOICE),
        **dict.fromkeys(("layers", "width", "neurons", "depth"), "write hidden, with network: deep"),
        **dict.fromkeys(("timeout", "time", "walltime"), "write max_time, in seconds"),
        **dict.fromkeys(("dt", "time_step", "timestep"), "time steps are found; `time_slabs` is a number of slabs"),
    },
    "a condition": {
        **dict.fromkeys(("at", "place", "on", "side", "location", "boundary", "region"), "write where"),
        **dict.fromkeys(("value", "bc", "expression", "eq"), "write equation: u = ..."),
        **dict.fromkeys(("type", "kind"), _BY_EQUATION),
        **dict.fromkeys(("initial", "left", "right", "top", "bottom", "front", "back"), "write where: {key}"),
    },
    "a quantity": {**dict.fromkeys(("mean", "average"), "write integral: u divided by the size of the domain")},
}
#: Place in other programs -> place here.
_PLACES = {
    **dict.fromkeys(("walls", "wall", "all", "edges", "sides", "everywhere", "border", "outer", "ends"), "boundary"),
    **dict.fromkeys(("start", "begin", "beginning", "t0", "ic"), "initial"),
    **dict.fromkeys(("interior", "inside", "volume", "omega", "whole"), "domain"),
    **{"west": "left", "east": "right", "south": "bottom", "north": "top", "lower": "bottom", "upper": "top"},
}
#: Words for the end of time, where no condition is allowed, and the hint for them.
_END_OF_TIME = "final", "end", "terminal", "last", "expiry", "maturity", "t_end", "tend"
_END_OF_TIME_HINT = (
    "nothing is held at the end of t: let time run backwards, T - t for t and -u_t for u_t, and write initial"
)
#: Word written instead of the equation of a condition -> hint.
_EQUATIONS = {
    "periodic": "write `periodic: [x]` under `domain`, and no condition there",
    **dict.fromkeys(("dirichlet", "noslip", "no-slip", "fixed", "zero"), "write the value: u = 0"),
    **dict.fromkeys(("neumann", "insulated", "no flux", "noflux", "symmetry"), "write the slope: dn(u) = 0"),
    "robin": "write it out, as dn(u) + u = 0",
    **dict.fromkeys(("outflow", "free", "open"), "write none for a side that has no condition"),
}
_TRUE, _FALSE = ("yes", "on", "y", "true", "1"), ("no", "off", "n", "false", "0")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def key_hint(word: str, section: str) -> str:
    """A hint for a key that a section does not have; "" if there is none."""
    if any(c.isspace() and c != " " for c in word):
        return "a blank that is no plain one (U+00A0?) stands in it: delete it"
    table = _KEYS.get("a quantity" if section.startswith("the quantity") else section, {})
    return table.get(word, table.get(word.lower(), "")).replace("{key}", word.lower())


def place_hint(name: str, places: Sequence[str]) -> str:
    """A hint for an unknown place: another word for one, or several without brackets; "" if there is none."""
    if name.lower() in _END_OF_TIME and "initial" in places:
        return _END_OF_TIME_HINT
    words = [_PLACES.get(word.lower(), word.lower()) for word in re.findall(r"[A-Za-z]\w*", name) if word != "and"]
    if not words or not set(words) <= set(places):
        return ""
    return f"write [{', '.join(words)}]" if len(words) > 1 else "" if words[0] == name.lower() else f"write {words[0]}"


def equation_hint(text: str) -> str:
    """A hint for the equation of a condition that has no "=" sign; "" if there is none."""
    if re.fullmatch(_NUMBER, text):
        return f"write left = right, as u = {text}"
    return _EQUATIONS.get(text.lower(), "")


def boolean_hint(text: str) -> str:
    """The hint ``write true`` or ``write false`` for a word that means it elsewhere; "" for other words."""
    return "write true" if text.lower() in _TRUE else "write false" if text.lower() in _FALSE else ""


def number_hint(node: Node) -> str:
    """A hint for a number in quotes, with a unit or in percent; "" for anything else."""
    if not isinstance(node, Scalar):
        return ""
    found = re.fullmatch(rf"({_NUMBER})\s*(.*)", node.text.strip())
    if found is None:
        return ""
    if not found[2]:
        return f"write {found[1]} without quotes" if node.style else ""
    return f"write {float(found[1]) / 100:g}" if found[2] == "%" else "write the number alone"


def mapping_hint(node: Node, example: str) -> str:
    """A hint how lines ``name: value`` are written, for a node that is not a mapping."""
    if isinstance(node, Listed) and any(isinstance(item, Mapping) for item in node.items):
        return "leave the `- ` before the names out"
    if isinstance(node, Scalar) and re.match(r"\w+\s*=", node.text):
        return "write a colon and a blank for the =, as k: 0.1"
    if isinstance(node, Scalar) and re.match(r"\w+:\S", node.text):
        return "a blank follows the colon, as k: 0.1"
    return f"write {example}, or lines of that kind indented below it"


def list_hint(node: Node) -> str:
    """A hint how a list is written, for a node that is not a list."""
    if isinstance(node, Scalar) and re.match(r"-\S", node.raw):
        return "a blank follows the `-` of each line"
    return "write [ ] around it, or one `- ` line each"


def equation_text_hint(node: Node, raw: str) -> str:
    """A hint how an equation is written, for a node that is not a text; ``raw``: its characters in the file."""
    if isinstance(node, Listed):
        return "one equation each, without [ ]" if raw.startswith("[") else "a leading `- - ` needs quotes"
    if isinstance(node, Mapping) and len(node.keys) == 1 and all("=" not in key for key in node.keys):
        return "write = for the colon"
    return "a text that contains ': ' or ', ' needs quotes"


_PEAK = "exp(-(x/w)**2)/(w*sqrt(pi))"
COMPLEX_HINT = "two unknowns, the real and the imaginary part"
_WEAK_FORM_HINT = "equations hold at every point, in no weak form: -div(k*grad(u)) = f"
#: Name in other programs, in any case of letters -> what to write here.
_FUNCTIONS = {
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
    **dict.fromkeys(("conj", "conjugate", "real", "imag", "re", "im", "arg"), COMPLEX_HINT),
    **dict.fromkeys(("integrate", "quad", "trapz", "nintegrate"), "integral(u), in a condition `where: domain`"),
    **dict.fromkeys(("mean", "average"), "integral(u) over the size of the domain, in a condition `where: domain`"),
    **dict.fromkeys(("fabs",), "abs"),
    **dict.fromkeys(("dot", "inner", "norm"), f"u_x**2 + u_y**2 for grad(u) times itself; {_WEAK_FORM_HINT}"),
    **dict.fromkeys(("testfunction", "trialfunction", "assemble"), f"the equation alone: {_WEAK_FORM_HINT}"),
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
_PYTHON_NOTATION = "it as in Python: a/b, x**2, sin(x), u_xx, lap(u)"
#: Character used on paper -> what to write here.
_SIGNS = {"Δ": "lap(u)", "∆": "lap(u)", "∇": "grad(u), div(k*grad(u)) or lap(u)", "∂": "u_x or dx(u)", "√": "sqrt(...)",
          "∞": "a number", "≤": "a single =", "≥": "a single =", "′": "u_x or dx(u)", "∫": "integral(...)",
          "π": "pi", "²": "**2", "³": "**3",
          "|": "abs(...)", "{": "u_x, without { }", "\\": _PYTHON_NOTATION, "$": _PYTHON_NOTATION,
          "%": "/100 for percent; there is no remainder", ";": "each equation in a line of its own, without ;",
          "&": "a product of heaviside(...) where both hold", "@": "*", "!": "the product out",
          **dict.fromkeys("“”‘’„«»", "plain quotes, or none")}  # fmt: skip

#: Last word of the Unicode name of a Greek letter, where that is no usual name or a Python keyword -> name to write.
_LETTERS = {"lamda": "lam", "lambda": "lam", "symbol": "theta"}

#: Names of all Greek letters.
GREEK_NAMES = {unicodedata.name(chr(code)).split()[-1].lower() for code in range(0x3B1, 0x3CA)} | {*_LETTERS, "lam"}


def foreign_name_hint(word: str) -> str:
    """A hint for a function or operator of another program, in any case of letters; "" if there is none."""
    meant = _FUNCTIONS.get(word) or _FUNCTIONS.get(word.lower())
    return f"write {meant}" if meant else ""


def operator_hint(name: str, coordinates: Sequence[str]) -> str:
    """A hint for a derivative operator of another program: ``dxx``, ``d2x``, ``ddx``, ``d2_dx2``, ``Dx``; else ""."""
    found = re.fullmatch(r"(?:d(\d?)_?)?(?:[dD]|partial|diff)?(\d?)_?([a-z]+)(\d?)", name)
    letters = list(found[3]) if found else []
    if found is None or name == found[3] or not set(letters) <= set(coordinates):
        return ""
    order = max([int(digit) for digit in (found[1], found[2], found[4]) if digit], default=1)
    letters = letters * order if len(letters) == 1 else letters
    return f"write {''.join(f'd{c}(' for c in letters)}u{')' * len(letters)}" if 1 <= len(letters) <= 9 else ""


def derivative_hint(name: str, unknowns: Sequence[str], coordinates: Sequence[str]) -> str:
    """A hint for a derivative of an unknown as on paper: ``du``, ``d2u``, ``dudx``, ``dudn``, ``u_n``; else ""."""
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


def latin_name_hint(word: str) -> str:
    """A hint of a name in letters a to z for a word that cannot be a name, such as a Greek letter; else ""."""
    hint = f"write {_LETTERS[word]}" if word in _LETTERS else character_hint(word) if len(word) == 1 else ""
    return hint if hint != "write pi" else ""


def character_hint(sign: str) -> str:
    """A hint for a character that no expression contains, such as a Greek letter or a sign of paper; else ""."""
    if sign in _SIGNS:
        return f"write {_SIGNS[sign]}"
    name = unicodedata.name(sign[:1], "")
    if not name.startswith("GREEK "):
        return ""
    letter = name.split(" WITH ")[0].split()[-1].lower()
    return f"names have letters from a to z: write {_LETTERS.get(letter, letter)}"
