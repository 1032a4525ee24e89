"""What lives in parts with the processes of a job."""

import gc

import pytest
from teams import team_of

from pinnkan.processes.job import Job
from pinnkan.processes.team import current_team, lead_team
from pinnkan.processes.wire import Traffic


class Adder:
    alive = 0

    def __init__(self, start, *others):
        self.start = start + sum(o.start for o in others)
        Adder.alive += 1

    def __del__(self):
        Adder.alive -= 1

    def plus(self, number):
        if number == 13:
            raise ValueError("unlucky")
        return self.start + number

    def raised(self, number):
        return Adder(self.start + number)


MAKERS = {"adder": Adder}


def test_parts_answer_in_the_order_of_the_ranks():
    assert current_team() is None
    with team_of(3, MAKERS) as three:
        assert current_team() is three
        parts = three.create_shared("adder", [(10,), (20,), (30,)])
        assert parts.call("plus", [(1,), (2,), (3,)]) == [11, 22, 33]
        both = three.create_shared(
            "adder", [(0,)] * 3, shared_arguments=[parts, parts.call_and_keep("raised", [(5,)] * 3)]
        )
        assert both.call("plus", [(0,)] * 3) == [25, 45, 65]
        assert three.call_count == 3
    assert current_team() is None


def test_the_first_processes_may_be_enough():
    with team_of(3, MAKERS) as three:
        parts = three.create_shared("adder", [(10,), (20,)])
        assert parts.call("plus", [(1,), (2,)]) == [11, 22]


def test_what_a_part_raises_is_raised_by_the_leader_and_work_goes_on():
    with team_of(3, MAKERS) as three:
        parts = three.create_shared("adder", [(10,), (20,), (30,)])
        with pytest.raises(RuntimeError, match="process 2 of 3: ValueError: unlucky"):
            parts.call("plus", [(1,), (2,), (13,)])
        assert parts.call("plus", [(1,), (2,), (3,)]) == [11, 22, 33]


def test_what_nobody_holds_is_forgotten_with_the_next_order():
    with team_of(3, MAKERS) as three:
        parts = three.create_shared("adder", [(10,), (20,), (30,)])
        other = three.create_shared("adder", [(10,), (20,)])
        assert Adder.alive == 5
        del parts
        gc.collect()
        assert other.call("plus", [(1,), (1,)]) == [11, 21]
        three.create_shared("adder", [(0,)] * 3).call("plus", [(0,)] * 3)  # the third was told without having work
        assert Adder.alive <= 5
    del other
    gc.collect()


class Silent:
    """A connection over which nothing comes back."""

    job, traffic = Job(0, 2), Traffic()

    def __init__(self):
        self.sent = []

    def send(self, message, to):
        self.sent.append((message, to))

    def close(self):
        self.sent.append("closed")


def test_a_leader_dismisses_the_others_unless_it_fails():
    """They may be in the middle of a message then; their connections close with its process."""
    wire = Silent()
    with lead_team(wire, MAKERS):
        assert wire.sent == []
    assert wire.sent == [(((), ("end",)), 1), "closed"]
    wire = Silent()
    with pytest.raises(ZeroDivisionError), lead_team(wire, MAKERS):
        raise ZeroDivisionError
    assert current_team() is None
    assert wire.sent == []
