"""The failures a user can meet, one family per remedy, each with its exit code and its data.

A failure is a named value: a family says who has to act (the command line, the problem file, the solver, the
machine, the results folder) and carries what a message needs: place, reason, remedy.
"""

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command, as the contract with the user fixes them."""

    CONVERGED = 0
    BUG = 1
    USAGE = 2
    INVALID_PROBLEM = 3
    NOT_CONVERGED = 4
    DIVERGED = 5
    RESOURCES = 6
    RUN_FOLDER = 7
    INTERRUPTED = 130
    TERMINATED = 143


class PinnkanError(Exception):
    """Base of every expected failure; a subclass fixes the exit code."""

    exit_code: Exit = Exit.BUG


class UsageError(PinnkanError):
    """The command line, or a call of the Python API, asks for something that does not exist."""

    exit_code = Exit.USAGE


@dataclass(frozen=True)
class Fault:
    """One fault of a problem file: where (1-based line and column), what, and what to do.

    ``length`` characters are underlined; ``hint`` may be empty; ``severity`` is ``error`` or ``warning``.
    """

    message: str
    line: int = 1
    column: int = 1
    length: int = 1
    hint: str = ""
    severity: str = "error"


class ProblemError(PinnkanError):
    """The problem file is invalid. Carries every fault found, in the order of the file."""

    exit_code = Exit.INVALID_PROBLEM

    def __init__(self, faults: tuple[Fault, ...], path: str = "<text>", source: str = "") -> None:
        self.faults = faults
        self.path = path
        self.source = source
        super().__init__("\n".join(self._told(fault) for fault in faults))

    def _told(self, fault: Fault) -> str:
        """A fault with its place, the line it stands in and its hint: what a traceback shows."""
        lines = self.source.splitlines()[fault.line - 1 : fault.line]
        below = [f"\n    {line.strip()}" for line in (*lines, fault.hint) if line.strip()]
        return f"{self.path}:{fault.line}:{fault.column}: {fault.message}{''.join(below)}"


class SolverError(PinnkanError):
    """The iteration failed, ``reason`` says how: ``diverged``, ``not_finite`` or ``rank_deficient``."""

    exit_code = Exit.DIVERGED

    def __init__(self, message: str, reason: str = "diverged") -> None:
        self.reason = reason
        super().__init__(message)


class ResourceError(PinnkanError):
    """The machine lacks memory, disk or a device that was asked for; the message carries the numbers."""

    exit_code = Exit.RESOURCES


class OutOfMemoryError(ResourceError):
    """The machine lacks memory: the same again, or going on, needs as much."""


class RunFolderError(PinnkanError):
    """The results folder or a checkpoint cannot be used: missing, damaged, locked or of another version."""

    exit_code = Exit.RUN_FOLDER
