"""What lives in parts, one with each process of a job, and is asked by the leader.

One process runs the solve and takes every decision; what it wants computed in parts it makes there and calls there. So
nothing that is decided by a number can come out differently in two processes, whatever their machines, clocks or
memory. Parts are added up in the order of the ranks, whichever answers first.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pinnkan.processes.wire import Traffic, Wire

#: By name, what can be made with a process.
Makers = Mapping[str, Callable[..., Any]]


class Team:
    """The processes of a job as the leader sees them: ``count``; ``calls``: how often all were asked."""

    def __init__(self, wire: Wire, makers: Makers) -> None:
        self._wire, self._makers, self.count, self.calls = wire, makers, wire.job.count, 0
        self._numbers, self._forgotten = itertools.count(), list[int]()

    @property
    def traffic(self) -> Traffic:
        """Of the leader, the time that it waited for others included."""
        return self._wire.traffic

    def share(self, maker: str, arguments: Sequence[tuple[Any, ...]], of: Sequence[Shared] = ()) -> Shared:
        """What a maker makes of its arguments and the parts there ``of`` others, in each of the first processes."""
        number = next(self._numbers)
        self._everyone(("make", number, maker, [s.number for s in of]), arguments)
        own = self._makers[maker](*arguments[0], *(s.own for s in of))
        self._answers(len(arguments))
        return self._kept(number, own, len(arguments))

    def call(self, shared: Shared, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the method ``name`` of each part makes of its arguments, in the order of the ranks."""
        self.calls += 1
        self._everyone(("call", shared.number, name, None), arguments)
        own = getattr(shared.own, name)(*arguments[0])
        return [own, *self._answers(shared.count)]

    def keep(self, shared: Shared, name: str, arguments: Sequence[tuple[Any, ...]]) -> Shared:
        """The same, kept where it is made."""
        self.calls += 1
        number = next(self._numbers)
        self._everyone(("call", shared.number, name, number), arguments)
        own = getattr(shared.own, name)(*arguments[0])
        self._answers(shared.count)
        return self._kept(number, own, shared.count)

    def _kept(self, number: int, own: Any, count: int) -> Shared:
        """What the first processes keep under a number, until nobody holds this any more."""
        shared = Shared(self, number, own, count)
        weakref.finalize(shared, self._forgotten.append, number)
        return shared

    def _everyone(self, order: tuple[Any, ...], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Send an order to the others, each with its own arguments."""
        forgotten = tuple(self._forgotten)
        del self._forgotten[: len(forgotten)]
        for rank in range(1, self.count):
            if rank < len(arguments) or forgotten:
                own = (*order, arguments[rank]) if rank < len(arguments) else ("nothing",)
                self._wire.send((forgotten, own), rank)

    def _answers(self, count: int) -> list[Any]:
        """What the others of the first ``count`` processes answer.

        Raises RuntimeError: what one of them has raised, in words.
        """
        found = [self._wire.receive(rank) for rank in range(1, count)]
        for rank, (_, error) in enumerate(found, 1):
            if error is not None:
                raise RuntimeError(f"process {rank} of {self.count}: {error}")
        return [value for value, _ in found]

    def dismiss(self) -> None:
        """The others may end."""
        for rank in range(1, self.count):
            self._wire.send(((), ("end",)), rank)
        self._wire.close()


class Shared:
    """Something of which the first ``count`` processes have a part, the leader its ``own``; they go when this goes."""

    def __init__(self, team: Team, number: int, own: Any, count: int) -> None:
        self.team, self.number, self.own, self.count = team, number, own, count

    def call(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See :meth:`Team.call`."""
        return self.team.call(self, name, arguments)

    def keep(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> Shared:
        """See :meth:`Team.keep`."""
        return self.team.keep(self, name, arguments)


_team: Team | None = None


def team() -> Team | None:
    """That of the job this process leads; None where it is alone."""
    return _team


@contextmanager
def leading(wire: Wire, makers: Makers) -> Iterator[Team]:
    """Within the block there is a team; whoever leaves it in order dismisses the others.

    Others lose their connection where the leader fails, perhaps in the middle of a message, and end as well.
    """
    global _team
    _team = found = Team(wire, makers)
    try:
        yield found
    finally:
        _team = None
    found.dismiss()


def serve(wire: Wire, makers: Makers) -> None:
    """Do what the leader asks for until it dismisses this process. Raises LostProcessError: the leader has ended."""
    kept: dict[int, Any] = {}
    while True:
        forgotten, (verb, *order) = wire.receive(0)
        for number in forgotten:
            kept.pop(number, None)
        if verb == "end":
            return wire.close()
        if verb != "nothing":
            wire.send(_answer(kept, makers, verb, *order), 0)


def _answer(kept: dict[int, Any], makers: Makers, verb: str, number: int, *order: Any) -> tuple[Any, str | None]:
    """The value of a call, and what was raised instead, in words: the leader decides what becomes of it."""
    try:
        if verb == "make":
            maker, of, given = order
            kept[number] = makers[maker](*given, *(kept[k] for k in of))
            return None, None
        name, under, given = order
        found = getattr(kept[number], name)(*given)
        if under is None:
            return found, None
        kept[under] = found
        return None, None
    except (ArithmeticError, ValueError, MemoryError, RuntimeError) as error:
        return None, f"{type(error).__name__}: {error}"
