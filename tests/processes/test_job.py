"""Which process of a job this one is."""

import pytest

from pinnkan.processes.job import Job, current_job

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.mark.parametrize(
    ("values", "job"),
    [((), Job(0, 1, 0)), (("3", "4", "1"), Job(3, 4, 1)), (("", "4", "1"), Job(0, 1, 0)), (("1", "4"), Job(0, 1, 0))],
)
def test_the_environment_says_it_in_full_or_this_process_is_alone(values, job, monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in zip(NAMES, values, strict=False):
        monkeypatch.setenv(name, value)
    assert current_job() == job
    assert job.is_leader == (job.rank == 0)
