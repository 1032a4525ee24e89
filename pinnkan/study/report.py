"""What a study leaves in its folder: report.md with the circumstances, tables and pictures; CSV; the manifest."""

import datetime
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image

from pinnkan.export.style import figure
from pinnkan.run.folder import MANIFEST, write_atomically
from pinnkan.run.results import machine
from pinnkan.version import __version__

#: Colours of a saved picture: line drawings and colour maps look the same, in a third of the bytes.
COLOURS = 256


@dataclass
class StudyReport:
    """Collects the parts of report.md in order, and the files beside it."""

    title: str
    folder: Path
    parts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """A paragraph or a table."""
        self.parts.append(text.strip() + "\n")

    @contextmanager
    def figure(self, name: str, caption: str, width: float, height: float) -> Iterator[Figure]:
        """A drawing of that size in inches, saved as ``name``.png; it stands here in the text."""
        path = self.folder / f"{name}.png"
        with figure(path, width, height) as drawing:
            drawing.set_layout_engine("constrained")  # a legend outside, a colour bar beside several panels
            yield drawing
        with Image.open(path) as image:
            image.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
        self.files.append(path.name)
        self.parts.append(f"![{caption}]({path.name})\n\n*{caption}*\n")

    def attach(self, name: str, text: str) -> None:
        """A text file beside the report."""
        self.files.append(name)
        write_atomically(self.folder / name, text.encode())

    def close(self, seconds: float) -> None:
        """Writes report.md and the manifest."""
        command = shlex.join(["pinnkan", *sys.argv[1:]])
        facts = machine()
        about = (
            f"`{command}`, {seconds:.0f} s on {facts['processor']}, {torch.get_num_threads()} thread(s) of torch, "
            f"pinnkan {__version__}, torch {torch.__version__}, {datetime.date.today().isoformat()}."
        )
        text = "\n".join([f"# {self.title}\n", about + "\n", *self.parts])
        write_atomically(self.folder / "report.md", text.encode())
        files = ["report.md", *self.files, MANIFEST]
        manifest = {"pinnkan": __version__, "command": command, "seconds": seconds, "machine": facts, "files": files}
        write_atomically(self.folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
