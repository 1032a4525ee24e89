"""Notebooks as pages: run while the site is built, their cells as Markdown, code, and what the code shows."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


def run(path: Path) -> Any:
    """The notebook after all of its cells.

    Raises:
        nbclient.exceptions.CellExecutionError: one of them fails.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def shown(path: Path, uri: str) -> Iterator[tuple[str, str | bytes]]:
    """The page of a notebook and its pictures: place in the site, content."""
    page = ""
    for number, cell in enumerate(run(path).cells):
        if cell.cell_type == "markdown":
            page += f"{cell.source}\n\n"
            continue
        page += f"```python\n{cell.source}\n```\n\n"
        for output in cell.outputs:
            text, picture = _output(output, f"{path.stem}-{number}.png")
            page += text
            if picture:
                yield str(Path(uri).with_name(f"{path.stem}-{number}.png")), picture
    yield str(Path(uri).with_suffix(".md")), page + f"[This page as a notebook]({path.name})\n"


def _output(output: Any, name: str) -> tuple[str, bytes]:
    """What a cell has shown, in Markdown, and its picture if it is one."""
    data = output.get("data", {})
    if "image/png" in data:
        return f"![what the cell shows]({name})\n\n", base64.b64decode(data["image/png"])
    if "text/html" in data:
        on_one_line = re.sub(r"\n\s*", " ", data["text/html"])  # a blank line would end it
        return f'<div class="output">{on_one_line}</div>\n\n', b""
    text = data.get("text/plain", output.get("text", ""))
    return f"```text\n{text.rstrip()}\n```\n\n", b""
