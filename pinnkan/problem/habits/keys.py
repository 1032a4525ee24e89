"""Keys, places and values of problem files as other programs and YAML write them."""

import re
from collections.abc import Sequence

from pinnkan.problem.source import Mapping, Node, Scalar
from pinnkan.problem.source import Sequence as Listed

_NO_CHOICE = "no choice: it stops at the tolerance, `max_time` limits it; leave the key out"
_BY_EQUATION = "the equation says it, as u = 0 or dn(u) = 0; leave the key out"
#: Section as messages call it -> key of another program -> what to do.
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
#: Places as they are called elsewhere -> here.
_PLACES = {
    **dict.fromkeys(("walls", "wall", "all", "edges", "sides", "everywhere", "border", "outer", "ends"), "boundary"),
    **dict.fromkeys(("start", "begin", "beginning", "t0", "ic"), "initial"),
    **dict.fromkeys(("interior", "inside", "volume", "omega", "whole"), "domain"),
    **{"west": "left", "east": "right", "south": "bottom", "north": "top", "lower": "bottom", "upper": "top"},
}
#: Words in the place of a condition's equation -> what is written here.
_EQUATIONS = {
    "periodic": "write `periodic: [x]` under `domain`, and no condition there",
    **dict.fromkeys(("dirichlet", "noslip", "no-slip", "fixed", "zero"), "write the value: u = 0"),
    **dict.fromkeys(("neumann", "insulated", "no flux", "noflux", "symmetry"), "write the slope: dn(u) = 0"),
    "robin": "write it out, as dn(u) + u = 0",
    **dict.fromkeys(("outflow", "free", "open"), "write none for a side that has no condition"),
}
_TRUE, _FALSE = ("yes", "on", "y", "true", "1"), ("no", "off", "n", "false", "0")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def key_meant(word: str, section: str) -> str:
    """A hint for a key that a section does not have, or ""."""
    if any(c.isspace() and c != " " for c in word):
        return "a blank that is no plain one (U+00A0?) stands in it: delete it"
    table = _KEYS.get("a quantity" if section.startswith("the quantity") else section, {})
    return table.get(word, table.get(word.lower(), "")).replace("{key}", word.lower())


def place_meant(name: str, places: Sequence[str]) -> str:
    """A hint for a place that there is none of: called otherwise, or several without their brackets; else ""."""
    words = [_PLACES.get(word.lower(), word.lower()) for word in re.findall(r"[A-Za-z]\w*", name) if word != "and"]
    if not words or not set(words) <= set(places):
        return ""
    return f"write [{', '.join(words)}]" if len(words) > 1 else "" if words[0] == name.lower() else f"write {words[0]}"


def equation_meant(text: str) -> str:
    """A hint for a condition's equation without a sign of equality, or ""."""
    if re.fullmatch(_NUMBER, text):
        return f"write left = right, as u = {text}"
    return _EQUATIONS.get(text.lower(), "")


def truth_meant(text: str) -> str:
    """``write true`` for what YAML or another language calls so, or ""."""
    return "write true" if text.lower() in _TRUE else "write false" if text.lower() in _FALSE else ""


def number_meant(node: Node) -> str:
    """A hint for a number in quotes, with a unit or in percent; else ""."""
    if not isinstance(node, Scalar):
        return ""
    found = re.fullmatch(rf"({_NUMBER})\s*(.*)", node.text.strip())
    if found is None:
        return ""
    if not found[2]:
        return f"write {found[1]} without quotes" if node.style else ""
    return f"write {float(found[1]) / 100:g}" if found[2] == "%" else "write the number alone"


def mapping_meant(node: Node, example: str) -> str:
    """How lines of ``name: value`` are written, where something else stands."""
    if isinstance(node, Listed) and any(isinstance(item, Mapping) for item in node.items):
        return "leave the `- ` before the names out"
    if isinstance(node, Scalar) and re.match(r"\w+\s*=", node.text):
        return "write a colon and a blank for the =, as k: 0.1"
    if isinstance(node, Scalar) and re.match(r"\w+:\S", node.text):
        return "a blank follows the colon, as k: 0.1"
    return f"write {example}, or lines of that kind indented below it"


def list_meant(node: Node) -> str:
    """How a list is written, where something else stands."""
    if isinstance(node, Scalar) and re.match(r"-\S", node.raw):
        return "a blank follows the `-` of each line"
    return "write [ ] around it, or one `- ` line each"


def text_meant(node: Node, raw: str) -> str:
    """How an equation is written, where a mapping or list stands; ``raw``: how that begins in the file."""
    if isinstance(node, Listed):
        return "one equation each, without [ ]" if raw.startswith("[") else "a leading `- - ` needs quotes"
    if isinstance(node, Mapping) and len(node.keys) == 1 and all("=" not in key for key in node.keys):
        return "write = for the colon"
    return "a text that contains ': ' or ', ' needs quotes"
