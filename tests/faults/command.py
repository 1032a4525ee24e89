"""The real command in processes of its own, for tests that stop it, starve it and look at what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pinnkan

COMMAND = (sys.executable, "-m", "pinnkan.cli")
#: One thread: tests run beside other work.
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(Path(pinnkan.__file__).parent.parent), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip


def run(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command, finished."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        **{"env": ENVIRONMENT} | options,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, under way."""
    command = [*COMMAND, *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until the file is there; fails if the process ends before."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def final_state(run: Path) -> tuple[str, bytes]:
    """Name (its checksum) and bytes of the arrays of a finished run."""
    (path,) = (run / "checkpoint").glob("state-*.safetensors")
    return path.name, path.read_bytes()
