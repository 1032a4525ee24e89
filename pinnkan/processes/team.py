"""Objects with a part in each process of a job, created and called by the leader.

One process runs the solve and takes every decision, so no decision can differ between processes. Results are returned
in the order of the ranks, whichever process answers first.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pinnkan.processes.wire import Traffic, Wire

#: The functions that create parts, by name.
Makers = Mapping[str, Callable[..., Any]]


class Team:
    """The processes of a job as seen by the leader.

    ``count`` of them, and ``call_count``, the number of joint calls.
    """

    def __init__(self, wire: Wire, makers: Makers) -> None:
        self._wire, self._makers, self.count, self.call_count = wire, makers, wire.job.count, 0
        self._numbers, self._forgotten = itertools.count(), list[int]()

    @property
    def traffic(self) -> Traffic:
        """The messages of the leader, with the time that it waited for others."""
        return self._wire.traffic

    def create_shared(
        self, maker: str, arguments: Sequence[tuple[Any, ...]], shared_arguments: Sequence[SharedObject] = ()
    ) -> SharedObject:
        """Create an object with a part in each of the first ``len(arguments)`` processes.

        A part is what the maker returns for the ``arguments`` of its rank and the local parts of the objects
        ``shared_arguments``.
        """
        number = next(self._numbers)
        self._everyone(("make", number, maker, [s.number for s in shared_arguments]), arguments)
        own = self._makers[maker](*arguments[0], *(s.leader_part for s in shared_arguments))
        self._answers(len(arguments))
        return self._kept(number, own, len(arguments))

    def call(self, shared: SharedObject, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The results of the method ``name`` of each part with the arguments of its rank, in the order of the ranks."""
        self.call_count += 1
        self._everyone(("call", shared.number, name, None), arguments)
        own = getattr(shared.leader_part, name)(*arguments[0])
        return [own, *self._answers(shared.count)]

    def call_and_keep(self, shared: SharedObject, name: str, arguments: Sequence[tuple[Any, ...]]) -> SharedObject:
        """As :meth:`call`, with each result kept in its process as the part of a new object."""
        self.call_count += 1
        number = next(self._numbers)
        self._everyone(("call", shared.number, name, number), arguments)
        own = getattr(shared.leader_part, name)(*arguments[0])
        self._answers(shared.count)
        return self._kept(number, own, shared.count)

    def _kept(self, number: int, own: Any, count: int) -> SharedObject:
        """The object of a number; once it is garbage, its parts are deleted with the next order."""
        shared = SharedObject(self, number, own, count)
        weakref.finalize(shared, self._forgotten.append, number)
        return shared

    def _everyone(self, order: tuple[Any, ...], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Send an order to the other processes, each with its own arguments."""
        forgotten = tuple(self._forgotten)
        del self._forgotten[: len(forgotten)]
        for rank in range(1, self.count):
            if rank < len(arguments) or forgotten:
                own = (*order, arguments[rank]) if rank < len(arguments) else ("nothing",)
                self._wire.send((forgotten, own), rank)

    def _answers(self, count: int) -> list[Any]:
        """The answers of the other processes below rank ``count``. Raises RuntimeError: one of them failed."""
        found = [self._wire.receive(rank) for rank in range(1, count)]
        for rank, (_, error) in enumerate(found, 1):
            if error is not None:
                raise RuntimeError(f"process {rank} of {self.count}: {error}")
        return [value for value, _ in found]

    def dismiss(self) -> None:
        """Tell the other processes to end."""
        for rank in range(1, self.count):
            self._wire.send(((), ("end",)), rank)
        self._wire.close()


class SharedObject:
    """An object with a part in each of the first ``count`` processes; ``leader_part`` is that of the leader."""

    def __init__(self, team: Team, number: int, own: Any, count: int) -> None:
        self.team, self.number, self.leader_part, self.count = team, number, own, count

    def call(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See :meth:`Team.call`."""
        return self.team.call(self, name, arguments)

    def call_and_keep(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> SharedObject:
        """See :meth:`Team.keep`."""
        return self.team.call_and_keep(self, name, arguments)


_team: Team | None = None


def current_team() -> Team | None:
    """The team of the job that this process leads; None if there is none."""
    return _team


@contextmanager
def lead_team(wire: Wire, makers: Makers) -> Iterator[Team]:
    """Context with a team, which is dismissed at a regular end; otherwise the others lose their connection and end."""
    global _team
    _team = found = Team(wire, makers)
    try:
        yield found
    finally:
        _team = None
    found.dismiss()


def serve(wire: Wire, makers: Makers) -> None:
    """Execute the orders of the leader until it dismisses this process. Raises LostProcessError: it has ended."""
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
    """The value of a call and None, or None and the exception as text."""
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
