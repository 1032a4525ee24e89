"""Collect every fault of a file, and show them as a compiler does."""

import difflib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pinnkan.errors import Fault, ProblemError

MAX_FAULTS = 50  # in one file, after which reading stops; heuristic
MAX_EXPRESSIONS = 10_000  # characters of all expressions, counted once per place; takes at most 0.5 s
_WIDTH = 120  # characters of a source line that are shown
# Line breaks as PyYAML counts them, so that positions agree.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True)
class Span:
    """Characters of the text from ``start`` up to, not including, ``end``."""

    start: int
    end: int


class Text:
    """The text of a file; converts an index to a line and a column, both counted from 1."""

    def __init__(self, content: str, path: str) -> None:
        self.content = content
        self.path = path

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(m.end() for m in _BREAK.finditer(self.content))]

    def locate(self, index: int) -> tuple[int, int]:
        """Line and column of the character at ``index``."""
        index = max(0, min(index, len(self.content)))
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1


class Report:
    """Faults and warnings of one file. Reading goes on after a fault, up to MAX_FAULTS of them."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._faults: dict[Fault, None] = {}  # in the order found, each once
        self._characters_read = 0

    def error(self, index: int, length: int, message: str, hint: str = "", severity: str = "error") -> None:
        """Add a fault at ``index``; the same fault at the same place counts once, and warnings end at MAX_FAULTS.

        Raises ProblemError: there are more errors than MAX_FAULTS.
        """
        line, column = self.text.locate(index)
        fault = Fault(message, line, column, max(length, 1), hint, severity)
        same = sum(known.severity == severity for known in self._faults) - (fault in self._faults)
        if severity == "error" or same < MAX_FAULTS:
            self._faults[fault] = None
        if severity == "error" and same >= MAX_FAULTS:
            raise self.failure()

    def count_characters(self, span: Span, characters: int) -> None:
        """Count the characters of an expression. Raises ProblemError: together they exceed MAX_EXPRESSIONS."""
        self._characters_read += characters
        if self._characters_read > MAX_EXPRESSIONS:
            message = f"all expressions together are longer than {MAX_EXPRESSIONS:,} characters"
            self.error_at(span, message, "name repeated parts under `functions`")
            raise self.failure()

    def error_at(self, span: Span, message: str, hint: str = "") -> None:
        """Add a fault that underlines ``span``."""
        self.error(span.start, span.end - span.start, message, hint)

    def warn_at(self, span: Span, message: str, hint: str = "") -> None:
        """Add a warning that underlines ``span``."""
        self.error(span.start, span.end - span.start, message, hint, "warning")

    @property
    def failed(self) -> bool:
        """Whether there is a fault that is not a warning."""
        return any(f.severity == "error" for f in self._faults)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as single lines: ``path:line:column: message (hint)``."""
        found = [f for f in self._faults if f.severity == "warning"]
        hints = [f" ({f.hint})" if f.hint else "" for f in found]
        path = self.text.path
        return tuple(
            escape_unprintable(f"{path}:{f.line}:{f.column}: {f.message}{h}") for f, h in zip(found, hints, strict=True)
        )

    def failure(self) -> ProblemError:
        """The exception that carries every fault, in the order of the file."""
        faults = sorted(self._faults, key=lambda f: (f.line, f.column))
        return ProblemError(tuple(faults), self.text.path, self.text.content)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word nearest to ``word``; "" if none is near."""
    names = list(known)
    near = [name for name in names if name.lower() == word.lower()]
    near = near or difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def escape_unprintable(text: str) -> str:
    """The text with every control or unprintable character written as an escape."""
    return "".join(c if c.isprintable() else " " if c == "\t" else ascii(c)[1:-1] for c in text)


def _columns(text: str) -> int:
    """The number of terminal columns of a text: two for wide characters, none for combining ones."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def render(error: ProblemError) -> str:
    """The faults as a compiler prints them: place and reason, source line, carets and hint; then their count."""
    lines = _BREAK.split(error.source)
    blocks = [_block(f, error.path, lines) for f in error.faults]
    count = sum(f.severity == "error" for f in error.faults)
    beyond = "; reading stopped there" if count > MAX_FAULTS else ""
    blocks.append(f"{count} error{'' if count == 1 else 's'}{beyond}; nothing was solved.")
    return "\n".join(blocks)


def _block(fault: Fault, path: str, lines: list[str]) -> str:
    text = lines[fault.line - 1] if fault.line <= len(lines) else ""
    first = max(0, fault.column - _WIDTH + 20)
    before = escape_unprintable(text[first : fault.column - 1])
    room = max(_WIDTH - len(before), 1)
    marked = escape_unprintable(text[fault.column - 1 : fault.column - 1 + fault.length])[:room]
    rest = escape_unprintable(text[fault.column - 1 + fault.length :])[: max(room - len(marked), 0)]
    number = f"{fault.line:>5} | "
    margin = " " * (len(number) - 2) + "| "
    carets = "^" * max(_columns(marked), 1)
    pointer = f"{margin}{' ' * _columns(before)}{carets} {escape_unprintable(fault.hint)}".rstrip()
    headline = escape_unprintable(f"{path}:{fault.line}:{fault.column}: {fault.severity}: {fault.message}")
    return "\n".join([headline, (number + before + marked + rest).rstrip(), pointer])
