"""Parse YAML to a tree of nodes with their positions in the file, at a bounded cost for any input.

PyYAML's safe loader scans and parses. The tree is composed here from its events, because PyYAML's composer recurses,
resolves tags, follows aliases, lets a later key win over an earlier one and reads ``1e-6`` as a string.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from pinnkan.errors import ProblemError
from pinnkan.problem.report import Report, Span, Text

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
MAX_DEPTH = 20
MAX_LINES = 20_000
MAX_LINE = 5_000  # heuristic: PyYAML is slow on long lines

Value = None | bool | int | float | str

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\Z", re.ASCII)
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")
_LONG_LINE = re.compile(f"[^\n]{{{MAX_LINE}}}")
# What PyYAML raises, including errors of chr() for an escape beyond Unicode and of int() for a long version number.
_YAML_ERRORS = (yaml.YAMLError, ValueError, OverflowError, IndexError)


@dataclass(frozen=True)
class Scalar:
    """One value: ``text`` as YAML understands it, ``raw`` as written in the file from ``span.start`` on."""

    span: Span
    text: str
    raw: str
    style: str | None

    @property
    def value(self) -> Value:
        """The number, boolean or None that unquoted text denotes, else the text itself."""
        if self.style is not None:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if not _NUMBER.match(self.text) or len(self.text) > 300:
            return self.text
        return int(self.text) if re.fullmatch(r"[-+]?\d+", self.text) else float(self.text)

    @cached_property
    def _places(self) -> list[int]:
        """The index in ``raw`` of each character of ``text``; reverses quotes, escapes, folding and indentation."""
        raw, style, places = self.raw, self.style, []
        p = raw.find("\n") + 1 if style in ("|", ">") else 1 if style else 0
        for c in self.text:
            if not c.isspace():
                p = _skip_folding(raw, p, style)
            places.append(min(p, max(len(raw) - 1, 0)))
            if _escapes(raw, p, style):
                p += 2 + {"x": 2, "u": 4, "U": 8}.get(raw[p + 1], 0)
            elif raw[p : p + 1] == c:
                p += 2 if style == "'" and c == "'" else 1
        return places

    def part(self, start: int, end: int) -> Span:
        """The span in the file of the characters ``start`` to ``end`` of ``text``; past its end, the end."""
        if not self.text:
            return self.span
        places = [self.span.start + p for p in self._places]
        after = places[-1] + 1
        begin = places[start] if start < len(places) else after
        last = places[end - 1] + 1 if 0 < end <= len(places) else after
        return Span(begin, max(last, begin + 1))


@dataclass(frozen=True)
class Sequence:
    """A list of nodes."""

    span: Span
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True)
class Mapping:
    """Nodes by key; ``keys`` holds the span of each key."""

    span: Span
    values: "dict[str, Node]" = field(default_factory=dict)
    keys: dict[str, Span] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def _escapes(raw: str, p: int, style: str | None) -> bool:
    """Whether an escape sequence starts at ``p``, other than a backslash that joins two lines."""
    return style == '"' and raw[p : p + 1] == "\\" and raw[p + 1 : p + 2] not in ("", "\n", "\r")


def _skip_folding(raw: str, p: int, style: str | None) -> int:
    """The index of the next character that is not blank; a backslash that joins two lines counts as blank."""
    while p < len(raw) and (raw[p].isspace() or (style == '"' and raw[p] == "\\" and not _escapes(raw, p, style))):
        p += 1
    return p


def decode(data: bytes | str, path: str) -> tuple[Text, Report]:
    """Decode a file, and make its report. Raises ProblemError: too long, not UTF-8, or with control characters."""
    if len(data) > MAX_BYTES:
        raise _refusal(Text("", path), 0, f"the file is larger than {MAX_BYTES:,} bytes", "is it a problem file?")
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        readable = error.object[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise _refusal(Text(readable, path), len(readable), "the file is not UTF-8 text", "save it as UTF-8") from None
    whole = Text(text.removeprefix("\ufeff"), path)
    bad = _CONTROL.search(whole.content)
    if bad:
        raise _refusal(whole, bad.start(), f"a control character (U+{ord(bad.group()):04X}) in the file", "delete it")
    long = _LONG_LINE.search(whole.content)
    if long:
        message = f"a line longer than {MAX_LINE:,} characters"
        raise _refusal(whole, long.start(), message, "break it into several lines")
    if whole.content.count("\n") > MAX_LINES:
        raise _refusal(whole, 0, f"more than {MAX_LINES:,} lines in the file", "a problem file has some dozens")
    return whole, Report(whole)


def _refusal(text: Text, index: int, message: str, hint: str) -> ProblemError:
    report = Report(text)
    report.error(index, 1, message, hint)
    return report.failure()


def read_tree(data: bytes | str, path: str) -> tuple[Mapping, Report]:
    """Parse a file to a tree and a report of faults so far. Raises ProblemError: no YAML, no mapping, too large."""
    text, report = decode(data, path)
    loader = yaml.SafeLoader(text.content)
    composer = _Composer(report)
    try:
        for event in iter(lambda: loader.get_event(), None):
            composer.add_event(event)
    except _YAML_ERRORS as error:
        _report_yaml_error(error, loader, report)
        raise report.failure() from None
    finally:
        loader.dispose()
    if not isinstance(composer.root, Mapping):
        report.error(0, 1, "the file holds no problem", "it starts with `name:`; `pinnkan new NAME` writes one")
        raise report.failure()
    return composer.root, report


def _report_yaml_error(error: Exception, loader: yaml.SafeLoader, report: Report) -> None:
    """Report an exception of PyYAML as a fault; one of :class:`_LimitError` is reported already."""
    if isinstance(error, _LimitError):
        return
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    begun = getattr(error, "context_mark", None)
    index = mark.index if mark is not None else loader.index
    reason = str(getattr(error, "problem", None) or "this cannot be read")
    inside = str(getattr(error, "context", None) or "")
    hint = ""
    if "found character '\\t'" in reason:
        reason, hint = "a tab where YAML wants spaces", "indent and separate with spaces"
    elif "mapping values are not allowed" in reason:
        hint = "a text that contains ': ' needs quotes; a key needs the indentation of its neighbours"
    elif "quoted scalar" in inside and "end of stream" in reason and begun is not None:
        index, reason, hint = begun.index, "a quote that is never closed", "add the other one, or take this one out"
    elif "flow" in inside and begun is not None:
        what = report.text.content[begun.index : begun.index + 1]
        index, reason = begun.index, f"this '{what}' is not closed as a list or mapping"
        hint = "look for a bracket, a comma, or a text that needs quotes"
    elif "<block end>" in reason:
        reason = "this does not go on what stands before it"
        hint = "keys of one section begin in the same column; a text that begins with a quote, [ or * ends with it"
    elif "could not find expected ':'" in reason and begun is not None:
        index, reason, hint = begun.index, "this line is no `key: value`", "a blank follows the colon"
    elif "cannot start any token" in reason:
        hint = "a text that begins with a sign needs quotes"
    elif "expected" in reason:
        hint = "look for an unclosed bracket or quote, or a text that needs quotes"
    report.error(index, 1, f"not valid YAML: {reason}", hint)


class _LimitError(yaml.YAMLError):
    """Stops reading because a limit of this module is exceeded; the fault is reported already."""


class _Composer:
    """Builds the tree event by event on an explicit stack, so that the depth is limited."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.root: Node | None = None
        self._stack: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []  # of each open mapping the key without a value yet
        self._nodes = 0
        self._documents = 0

    def add_event(self, event: yaml.Event) -> None:
        """Add one event to the tree; report anchors, aliases, tags and further documents."""
        span = _span(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(span, "a second document in the file", "delete the line `---`; one file holds one problem")
        if not isinstance(event, yaml.NodeEvent | yaml.SequenceEndEvent | yaml.MappingEndEvent):
            return
        self._refuse_sharing(event, span)
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._stack.pop()
            self._keys.pop()
            return
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop(span, f"more than {MAX_NODES:,} values in the file", "a problem file has some dozens")
        if isinstance(event, yaml.ScalarEvent):
            raw = self.report.text.content[span.start : span.end]
            self._place(Scalar(span, event.value, raw, event.style if event.style in ("'", '"', "|", ">") else None))
        elif isinstance(event, yaml.AliasEvent):
            self._place(Scalar(span, "", "", None))
        else:
            self._open(Sequence(span) if isinstance(event, yaml.SequenceStartEvent) else Mapping(span))

    def _open(self, node: Sequence | Mapping) -> None:
        self._place(node)
        self._stack.append(node)
        self._keys.append(None)
        if len(self._stack) > MAX_DEPTH:
            self._stop(node.span, f"nested more than {MAX_DEPTH} deep", "a problem file nests a few levels")

    def _place(self, node: Node) -> None:
        """Insert a node as the root, or as an item, key or value of the innermost open node."""
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent, Sequence):
            whole = self._joined_value(parent.items[-1], node) if parent.items else None
            parent.items[-1:] = [whole] if whole else [*parent.items[-1:], node]
            return
        key = self._keys[-1]
        if key is not None:
            self._keys[-1] = None
            last, is_alone = next(reversed(parent.values), ""), node.span == Span(key.span.end, key.span.end)
            if last and is_alone and (whole := self._joined_value(parent.values[last], key)):
                parent.values[last] = whole
            elif key.text in parent.keys:
                line, _ = self.report.text.locate(parent.keys[key.text].start)
                self.report.error_at(key.span, f"the key '{key.text}' stands twice", f"the first is in line {line}")
            else:
                parent.values[key.text] = node
                parent.keys[key.text] = key.span
        elif isinstance(node, Scalar):
            self._keys[-1] = node
        else:
            self._stop(node.span, "a key must be a word", "a text that starts with [ or { needs quotes")

    def _joined_value(self, before: Node, piece: Node) -> Scalar | None:
        """Join a value that a comma cut inside parentheses with the next piece; None for separate values."""
        if not isinstance(before, Scalar) or not isinstance(piece, Scalar) or before.style or piece.style:
            return None
        text, span = self.report.text.content, Span(before.span.start, piece.span.end)
        is_open = before.raw.count("(") > before.raw.count(")") and len(before.raw) <= MAX_LINE
        if not is_open or text[before.span.end : piece.span.start].strip() != ",":
            return None
        message = "this comma ends the value: between { } or [ ] every comma does"
        self.report.error(text.index(",", span.start), 1, message, "put the expression in quotes")
        return Scalar(span, f"{before.text}, {piece.text}", text[span.start : span.end], None)

    def _refuse_sharing(self, event: yaml.Event, span: Span) -> None:
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            self.report.error_at(span, f"an alias (*{anchor})", "write the value out, or quote the text")
        elif anchor is not None:
            where = Span(span.start, span.start + 1 + len(anchor))
            self.report.error_at(where, f"an anchor (&{anchor})", "write the value out where it is needed")
        if getattr(event, "tag", None) is not None:
            self.report.error_at(Span(span.start, span.start + 1), "a tag (!)", "values need no tag; delete it")

    def _stop(self, span: Span, message: str, hint: str) -> None:
        self.report.error_at(span, message, hint)
        raise _LimitError


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    first = start.index if start is not None else 0
    return Span(first, max(first, end.index if end is not None else 0))
