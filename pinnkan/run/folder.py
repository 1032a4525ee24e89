"""The results folder: written beside the old one, swapped in by rename when complete, locked while written.

Beside ``results/burgers`` there may be, while a run lasts or after one that was killed::

    .burgers.lock       held by the run that writes (a lock of the system: it dies with its process)
    .burgers.partial    the new results, not complete yet
    .burgers.previous   the old results, between the two renames of the swap

and, visible, ``burgers.interrupted``: what a run that was stopped or killed had reached. ``--resume`` goes on from it;
it stays until a run into ``burgers`` has finished, and a run that is stopped again replaces it.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pinnkan.errors import ResourceError, RunFolderError

MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint"
RESUME = "resume.json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system refuses into a failure with its place, reason and remedy."""
    try:
        yield
    except OSError as error:
        place, reason = error.filename or path, error.strerror or str(error)
        if error.errno in _FULL:
            existing = next(p for p in (path, *path.absolute().parents) if p.exists())
            free = f"{shutil.disk_usage(existing).free / 1e6:.0f} MB free"
            message = f"{place}: {reason}; {free}. Earlier results are intact; make room and run again"
            raise ResourceError(message) from error
        raise RunFolderError(f"{place}: {reason}; choose another folder with --out") from error


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds the lock of a results folder; a second run into the same folder is refused.

    Raises RunFolderError: another process holds it, or the place cannot be written.
    """
    path = target.parent / f".{target.name}.lock"
    lock = FileLock(path, timeout=0)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        other = path.with_suffix(".new")  # where no file can be made the lock would be said to be held
        other.touch()
        other.unlink()
        try:
            lock.acquire()
        except Timeout:
            raise RunFolderError(
                f"{target}: another run is writing into this folder; wait for it or choose another with --out"
            ) from None
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows removes no file that is open
            path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A fresh folder to write into; it takes the place of ``target`` when the block ends without an exception.

    What was at ``target`` stays until then; files of the user in it move along into the new folder. When the block
    ends with an exception after a state was written, the folder becomes :func:`interrupted_place`, and so does the one
    that a killed run left.

    Raises RunFolderError: ``target`` is something that no run of pinnkan wrote, is locked, or cannot be written;
    ResourceError: the disk is full.
    """
    target = target.absolute()
    partial = target.parent / f".{target.name}.partial"
    with locked(target):
        with disk_errors(target):
            _recover(target)
            _recover(interrupted_place(target))
            for place in (target, interrupted_place(target)):
                _refuse_foreign(place)
            _set_aside(partial, target)
            partial.mkdir()
        try:
            yield partial
            with disk_errors(target):
                _swap(partial, target)
                if interrupted_place(target).exists():
                    _retire(interrupted_place(target), target)
        finally:
            with suppress(OSError):
                _set_aside(partial, target)


def interrupted_place(target: Path) -> Path:
    """Where the state and the partial result of a stopped run into ``target`` lie."""
    return target.parent / f"{target.name}.interrupted"


def has_state(folder: Path) -> bool:
    """Whether a results folder holds the state of a run under way."""
    return (folder / CHECKPOINT / RESUME).is_file()


def _set_aside(partial: Path, target: Path) -> None:
    """Keeps an unfinished folder as the interrupted one if a run can go on from it."""
    if has_state(partial):
        for left in partial.glob(f"{CHECKPOINT}/.*.tmp"):
            left.unlink()
        _swap(partial, interrupted_place(target))
    elif partial.exists():
        shutil.rmtree(partial)


def _previous(target: Path) -> Path:
    return target.parent / f".{target.name}.previous"


def _recover(target: Path) -> None:
    """Undoes or completes the swap of a run that was killed in the middle of it."""
    previous = _previous(target)
    if previous.exists() and not target.exists():
        previous.rename(target)
    elif previous.exists():
        _retire(previous, target)


def _refuse_foreign(target: Path) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise RunFolderError(f"{target}: is not a folder; choose another place with --out")
    if any(target.iterdir()) and not written_names(target):
        raise RunFolderError(
            f"{target}: holds files but no results of pinnkan, and is left alone; choose another folder with --out"
        )


def written_names(folder: Path) -> frozenset[str]:
    """Names in a results folder that pinnkan wrote; none if it is not one."""
    if has_state(folder) and not (folder / MANIFEST).exists():  # of a run that was killed
        return frozenset({CHECKPOINT})
    return frozenset(listed_names(folder))


def listed_names(folder: Path) -> list[str]:
    """The files that the manifest of a run lists, in its order; none if there is no manifest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return list(manifest["files"]) if "pinnkan" in manifest else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _swap(partial: Path, target: Path) -> None:
    previous = _previous(target)
    sync_folder(partial)
    if not target.exists():
        partial.rename(target)
    else:
        target.rename(previous)
        try:
            partial.rename(target)
        except BaseException:
            previous.rename(target)
            raise
        _retire(previous, target)
    sync_folder(target.parent)


def _retire(previous: Path, target: Path) -> None:
    """Removes old results, but not what the user put among them."""
    ours = written_names(previous)
    for entry in previous.iterdir():
        if entry.name not in ours and not (target / entry.name).exists():
            entry.rename(target / entry.name)
    shutil.rmtree(previous)


def sync_folder(folder: Path) -> None:
    """Makes the renames in a folder survive a loss of power, where the system opens folders (Windows does not)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes) -> None:
    """The file holds either its old content or ``content``, whole, whatever happens."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
