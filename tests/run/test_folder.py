"""The results folder: replaced only by something complete, never at the cost of what was there."""

import errno
import json
import multiprocessing
import os
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pinnkan.errors import ResourceError, RunFolderError
from pinnkan.run.folder import disk_errors, locked, replacing, write_atomically, written_names


def write_run(folder: Path, text: str) -> None:
    (folder / "report.md").write_text(text)
    files = ["report.md", "manifest.json"]
    (folder / "manifest.json").write_text(json.dumps({"pinnkan": "0", "files": files}))


def run(target: Path, text: str, failure: BaseException | None = None) -> None:
    with replacing(target) as folder:
        write_run(folder, text)
        if failure is not None:
            raise failure


def names_in(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_a_complete_run_replaces_the_one_before(tmp_path: Path) -> None:
    run(tmp_path / "a" / "b", "first")
    run(tmp_path / "a" / "b", "second")
    assert (tmp_path / "a" / "b" / "report.md").read_text() == "second"
    assert names_in(tmp_path / "a") == {"b"}


def test_a_run_that_fails_leaves_the_old_results_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path / "b", "first")
    for failure in (ValueError("bad"), KeyboardInterrupt()):
        with pytest.raises(type(failure)):
            run(tmp_path / "b", "second", failure)
    assert (tmp_path / "b" / "report.md").read_text() == "first"
    assert names_in(tmp_path) == {"b"}


def test_a_swap_that_fails_puts_the_old_results_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "b", "first")
    rename = Path.rename

    def refuse_new(self: Path, target: Path) -> Path:
        if self.name == ".b.partial":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(RunFolderError, match="Input/output error"):
        run(tmp_path / "b", "second")
    assert (tmp_path / "b" / "report.md").read_text() == "first"


def test_what_a_killed_run_left_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / ".b.partial").mkdir()
    (tmp_path / ".b.partial" / "half").write_text("x")
    (tmp_path / ".b.lock").write_text("")
    run(tmp_path / "b", "new")
    assert names_in(tmp_path) == {"b"}
    assert names_in(tmp_path / "b") == {"report.md", "manifest.json"}


def test_results_of_a_run_killed_between_the_two_renames_come_back(tmp_path: Path) -> None:
    run(tmp_path / "b", "first")
    (tmp_path / "b").rename(tmp_path / ".b.previous")
    with pytest.raises(ValueError, match="stop"), replacing(tmp_path / "b"):
        raise ValueError("stop")
    assert (tmp_path / "b" / "report.md").read_text() == "first"


def test_files_of_the_user_move_into_the_new_folder(tmp_path: Path) -> None:
    run(tmp_path / "b", "first")
    (tmp_path / "b" / "notes.txt").write_text("mine")
    run(tmp_path / "b", "second")
    assert (tmp_path / "b" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "b" / "report.md").read_text() == "second"


def test_a_folder_that_is_no_run_is_refused_before_anything_is_solved(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "file", "link"):
        with pytest.raises(RunFolderError, match="--out"), replacing(tmp_path / name):
            pytest.fail("must not begin")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    run(tmp_path, "in the folder I made")
    assert written_names(tmp_path)


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs a place where nobody can make a file")
def test_a_place_where_no_file_can_be_made_is_not_said_to_be_in_use() -> None:
    with pytest.raises(RunFolderError, match="No such file"):
        run(Path("/proc/nope"), "first")


def _hold(target: Path, held: Event, release: Event) -> None:
    with locked(target):
        held.set()
        release.wait(20)


def test_two_runs_into_one_folder_are_refused_and_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "b", held, release))
    process.start()
    try:
        assert held.wait(20)
        with pytest.raises(RunFolderError, match="another run"):
            run(tmp_path / "b", "second")
    finally:
        process.kill()
        process.join()
    run(tmp_path / "b", "afterwards")
    assert (tmp_path / "b" / "report.md").read_text() == "afterwards"


def test_a_place_that_cannot_be_written_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"file.*--out"):
        run(tmp_path / "file" / "b", "x")


def test_a_full_disk_is_a_lack_of_resources_with_the_numbers(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"No space left.* MB free"), disk_errors(tmp_path / "gone" / "b"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ResourceError, match="No space left"), disk_errors(tmp_path):
        Path("/dev/full").write_text("x")


def test_an_atomic_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert names_in(tmp_path) == {"a"}
