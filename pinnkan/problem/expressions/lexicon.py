"""Check the characters, words and parentheses of an expression's text before it is parsed.

Text that Python's parser would misread, or report at an odd place, is refused here with the place and the reason.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword

from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.notation_hints import COMPLEX_HINT, character_hint, foreign_name_hint, latin_name_hint

MAX_LENGTH = 2_000  # characters of an expression
MAX_NESTING = 40  # parentheses inside parentheses (heuristic)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_DOT = "only numbers have a dot: functions are named alone, as sin(x), and factors have a *"
_FORTRAN = re.compile(r"[dD]([-+]?\d+)", re.ASCII)
_BEFORE = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*\s*$", re.ASCII)
_CHAIN = re.compile(r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*", re.ASCII)
_SHORTEN = "name its parts under `functions`"
_CHOICE = "use heaviside(a - b), min or max"
_KEYWORDS = {**dict.fromkeys(("if", "else", "and", "or", "not"), _CHOICE), "True": "write 1", "False": "write 0"}
_HINTS = {
    "^": ("'^' is not an operator here", "write ** for a power"),
    "=": ("a second '='", "an equation is `left = right`"),
    "<": ("a comparison", _CHOICE),
    ">": ("a comparison", _CHOICE),
    "[": ("a subscript or list", "derivatives are written u_x or dx(u)"),
    "'": ("a text inside an expression", "derivatives are written u_x or u_t"),
    '"': ("a text inside an expression", "an expression holds numbers and names only"),
    "·": ("'·' is not an operator here", "write *"),
    "×": ("'×' is not an operator here", "write *"),
    "−": ("'−' is not a minus sign here", "write the - of the keyboard"),
    "÷": ("'÷' is not an operator here", "write /"),
}


class ExpressionError(Exception):
    """Characters ``start`` to ``end`` of an expression are invalid; checking stops there."""

    def __init__(self, start: int, end: int, message: str, hint: str = "") -> None:
        self.start = start
        self.end = end
        self.message = message
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True)
class Token:
    """A name, a number or a sign (``kind``), and the index of its first character."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The index after the last character."""
        return self.start + len(self.text)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of an expression. Raises ExpressionError: an invalid character, number or name."""
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
            continue
        name = NAME.match(text, at)
        number = _NUMBER.match(text, at)
        token = (
            Token("name", name.group(), at)
            if name
            else Token("number", number.group(), at)
            if number
            else Token("sign", text[at : at + 2] if text[at : at + 2] in ("**", "//") else text[at], at)
        )
        _check(token, text)
        yield token
        at = token.end


def _check(token: Token, text: str) -> None:
    word = token.text
    if token.kind == "name" and "__" in word:
        message = f"a name with two underscores: '{word[:60]}'"
        raise ExpressionError(token.start, token.end, message, "derivatives are written u_xx")
    if token.kind == "name" and iskeyword(word):
        hint = latin_name_hint(word) or _KEYWORDS.get(word, "arithmetic only")
        raise ExpressionError(token.start, token.end, f"'{word}' is a reserved word", hint)
    after = NAME.match(text, token.end)
    if token.kind == "number" and after:
        joined = f"'{word[:40]}{after.group()[:40]}'"
        power = _FORTRAN.match(text, token.end)
        hint = f"write {word}*{after.group()}" if len(joined) <= 40 else "write * between them"
        hint = f"write {word}e{power[1]}" if power else hint
        if after.group() in ("i", "j", "I", "J"):
            hint = f"complex numbers are {COMPLEX_HINT}"
        elif re.fullmatch(r"[\d_]+", after.group()):
            hint = f"write {word}{after.group().replace('_', '')}"
        elif word == "0" and re.fullmatch(r"[xXbo][\da-fA-F]+", after.group()):
            hint = "numbers are decimal"
        raise ExpressionError(token.start, after.end(), f"{joined} is neither a number nor a name", hint)
    if token.kind == "number" and len(word) > 40:
        raise ExpressionError(token.start, token.end, "a number of more than 40 characters", "17 digits are enough")
    if token.kind == "sign" and word not in ("+", "-", "*", "/", "**", "(", ")", ","):
        _refuse_sign(token, text)


def function_hint(name: str) -> str:
    """A hint for a function name of another program (capitals, behind a dot, another word); "" if there is none."""
    if name.lower() in FUNCTIONS:
        return f"write {name.lower()}(...)"
    return "write pi" if name.lower() == "pi" else foreign_name_hint(name)


def _refuse_sign(token: Token, text: str) -> None:
    word = token.text
    before = _BEFORE.search(text[: token.start])
    chain = _CHAIN.match(text, before.start()) if before else None
    if word == "." and chain and "." in chain.group():
        hint = function_hint(chain.group().split(".")[-1].strip()) or _DOT
        raise ExpressionError(chain.start(), chain.end(), "attribute access with '.'", hint)
    if word == ".":
        raise ExpressionError(token.start, token.end, "attribute access with '.'", _DOT)
    if word == "[" and before and function_hint(before.group().strip()):
        hint = function_hint(before.group().strip())
        raise ExpressionError(before.start(), token.end, "a '[' after a name; arguments stand in ( )", hint)
    if word == "//":
        raise ExpressionError(token.start, token.end, "'//' is not an operator here", "write / to divide")
    if text.startswith("==", token.start):
        raise ExpressionError(token.start, token.start + 2, "'==' in an equation", "write a single =")
    message, hint = _HINTS.get(word, (f"the character '{word}' has no meaning here", character_hint(word)))
    raise ExpressionError(token.start, token.end, message, hint)


def check_tokens(text: str) -> None:
    """Raise ExpressionError unless ``text`` is a sequence of valid tokens with balanced parentheses."""
    if len(text) > MAX_LENGTH:
        message = f"an expression longer than {MAX_LENGTH:,} characters"
        raise ExpressionError(MAX_LENGTH, MAX_LENGTH + 1, message, _SHORTEN)
    opened: list[Token] = []
    before: Token | None = None
    for token in tokens(text):
        if token.text == "(":
            opened.append(token)
            if len(opened) > MAX_NESTING:
                message = f"parentheses nested more than {MAX_NESTING} deep"
                raise ExpressionError(token.start, token.end, message, _SHORTEN)
        elif token.text == ")":
            if not opened:
                raise ExpressionError(token.start, token.end, "a ')' that closes nothing", "add a '(' before it")
            opened.pop()
        elif token.text == "," and not (opened and _name_before(opened[-1], text)):
            names = [_name_before(each, text) for each in opened]
            hint = next((function_hint(name) for name in names if function_hint(name)), "decimals have a dot")
            raise ExpressionError(token.start, token.end, "a ',' outside a function call", hint)
        _check_pair(before, token)
        before = token
    if opened:
        raise ExpressionError(opened[-1].start, opened[-1].end, "this '(' is never closed", "add a ')'")
    if before is None:
        raise ExpressionError(0, 1, "an expression is missing here")
    if before.kind == "sign" and before.text != ")":
        raise ExpressionError(before.start, before.end, f"nothing follows this '{before.text}'")


def _name_before(token: Token, text: str) -> str:
    found = re.search(r"\w+\s*$", text[: token.start], re.ASCII)
    return found.group().strip() if found else ""


def _check_pair(before: Token | None, token: Token) -> None:
    """Raise ExpressionError for two tokens that cannot be neighbours: ``2 x``, ``x y``, ``)(``, ``+ *``, ``( )``."""
    operand = token.kind != "sign" or token.text == "("
    if before is None or (before.kind == "sign" and before.text != ")"):
        if not operand and token.text not in ("+", "-"):
            what = f"'{token.text}' follows '{before.text}'" if before else f"an expression starts with '{token.text}'"
            raise ExpressionError(token.start, token.end, what, "a number or a name is missing")
        return
    if operand and not (token.text == "(" and before.kind == "name"):
        is_unit = before.kind == "number" and token.kind == "name"
        hint = "write * to multiply; numbers have no units" if is_unit else "write * to multiply"
        raise ExpressionError(token.start, token.end, "an operator is missing before this", hint)
