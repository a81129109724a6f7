"""What one caller may do with one method: whose name it may give, and which cameras, beds and patients it reaches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf.message import Message

from wince.domain.reach import Find, Kind, Subject, named
from wince.rpc.auth import ANYBODY, Caller, Credential
from wince.rpc.errors import Forbidden
from wince.rpc.right import About, Right, of_path
from wince.rpc.roles import Role

AGAIN_S = 2.0
"""How long a stream's caller reaches what it has just reached: a camera may be moved to another bed meanwhile."""
KEPT = 256


class Gate:
    """Of one call. `find`: where subjects are; None: names alone say so."""

    def __init__(self, who: Caller, method: str, right: Right, find: Find | None, credential: Credential) -> None:
        """`credential`: by which the caller was known."""
        self.credential = credential
        self.who, self.method, self.right = who, method, right
        self._find = find
        self._bound = not who.bounds.everything and not right.everywhere
        self._reached: dict[Subject, float] = {}
        self._flag_due = right.flag is not None

    def admit(self, message: Message) -> None:
        """Fill in who decides, and look at the flag: a handler reads it in the first request of a stream only. Raises Forbidden."""
        if self.right.author:
            self._author(message)
        if self._flag_due and self.right.flag is not None:
            self._flag_due = False
            name, role = self.right.flag
            needed = {role} if getattr(message, name) else self.right.roles - {role}
            if not needed & self.who.roles:
                words = f"needs the role `{' or '.join(sorted(needed))}`"
                remedy = f"add it to the caller's line in the token file (it stands for what `{name}` does)"
                raise Forbidden(words, field=name if role in needed else self.method, remedy=remedy)

    def _author(self, message: Message) -> None:
        found = of_path(message, self.right.author)
        if found is None:  # the handler says that it must be given
            return
        holder, field = found
        said = getattr(holder, field)
        if not said and self.who is not ANYBODY:
            setattr(holder, field, self.who.author)
        elif said and said != self.who.author and Role.ON_BEHALF not in self.who.roles:
            remedy = "leave it empty; a caller that signs staff in needs the role `on_behalf`"
            raise Forbidden("you may not speak for others", field=self.right.author, remedy=remedy)

    async def reach(self, message: Any) -> None:
        """Raises Forbidden where a request names what the caller does not reach, or nothing where it must: alike for what there is
        and what there isn't."""
        if not self._bound:
            return
        subjects = _subjects(self.right.about, message)
        if (not subjects and not self.right.shows) or not all((await self._within(subjects)).values()):
            raise Forbidden(
                "lies beyond what you are bound to", field="authorization", remedy="ask the operator what your token is bound to"
            )

    async def each(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The requests of a stream, each looked at."""
        async for request in requests:
            await self.reach(request)
            yield request

    async def shown(self, answer: Any) -> bool:
        """Leave out of an answer what the caller does not reach; False where nothing of it is left to say."""
        if not self._bound:
            return True
        for field, about in self.right.shows:
            items = list(getattr(answer, field)) if field else [answer]
            said = [list(about(item)) for item in items]
            within = await self._within([subject for subjects in said for subject in subjects])
            kept = [item for item, subjects in zip(items, said, strict=True) if subjects and all(within[one] for one in subjects)]
            if field and len(kept) < len(items):
                answer.ClearField(field)
                getattr(answer, field).extend(kept)
            elif not field and not kept:
                return False
        return True

    async def _within(self, subjects: Sequence[Subject]) -> dict[Subject, bool]:
        """Which of them the caller reaches."""
        now_s, bounds = time.monotonic(), self.who.bounds
        known = {one: True for one in subjects if self._reached.get(one, 0.0) > now_s or self._by_name(one)}
        asked = list(dict.fromkeys(one for one in subjects if one not in known))
        if not asked:
            return known
        places = named(asked) if self._find is None else await asyncio.to_thread(self._find, asked)
        found = {one: bounds.reach(one, places.get(one, ())) for one in asked}
        if len(self._reached) > KEPT:
            self._reached.clear()
        self._reached |= {one: now_s + AGAIN_S for one, reached in found.items() if reached and one.at_us is None}
        return known | found

    def _by_name(self, one: Subject) -> bool:
        return one.kind is Kind.NOBODY or (one.kind is Kind.SOURCE and one.value in (self.who.bounds.sources or ()))


def _subjects(abouts: Sequence[About], message: Any) -> list[Subject]:
    return [subject for about in abouts for subject in about(message)]
