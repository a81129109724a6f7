"""Pages of lists, one way for all of them: page_size, page_token and order_by in, next_page_token out.

page = await pages.begin(request, int, str)               # checks size, token and order
found = await workers.run(ask, page.limit, page.after, page.descending)
rows, token = page.cut(found, lambda row: (row.start_us, str(row.id)))

Every list has a total order by what never changes of a row, and a page begins behind the last row of the one before (not at a count): what
is written meanwhile neither doubles nor hides another row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from wince.errors import MessageError
from wince.rpc.requests import page_size
from wince.rpc.tokens import seal, unseal

Row = TypeVar("Row")
_APART = ("page_size", "page_token")


@dataclass(frozen=True, slots=True)
class Page:
    """One page that is asked for."""

    size: int
    after: list[Any] | None
    """Position of the last row of the page before; None: from the start."""
    descending: bool
    """The latest first."""
    _request: Message
    _key: bytes

    @property
    def limit(self) -> int:
        """Rows to ask for: one more than are answered says whether there is a next page."""
        return self.size + 1

    def cut(self, found: Sequence[Row], place: Callable[[Row], Sequence[int | str]]) -> tuple[list[Row], str]:
        """(rows of this page, token of the next; empty where there is none). `place`: a row's position."""
        more = len(found) > self.size
        return list(found[: self.size]), self.token(place(found[self.size - 1])) if more else ""

    def token(self, position: Sequence[int | str]) -> str:
        """The token of a position in this list."""
        return seal(self._key, self._request, position, apart=_APART)


class Pages:
    """Begins pages. Used from one event loop."""

    def __init__(self, key: Callable[[], bytes], run: Callable[..., Awaitable[Any]]) -> None:
        """`key`: reads the installation's key; may block. `run`: runs blocking work on another thread."""
        self._read, self._run = key, run
        self._known: bytes | None = None

    async def key(self) -> bytes:
        """The key of tokens; read once. Raises what reading it raises."""
        if self._known is None:
            self._known = bytes(await self._run(self._read))
        return self._known

    async def begin(self, request: Message, *kinds: type[int] | type[str], by: str = "start_us") -> Page:
        """A request's page. `kinds`: of the parts of a position; `by`: the field that `order_by` may name. Raises MessageError."""
        said: Any = request
        size = page_size(said.page_size)
        descending = latest_first(said.order_by, by) if "order_by" in request.DESCRIPTOR.fields_by_name else False
        key = await self.key()
        after = unseal(key, request, said.page_token, kinds, field="page_token", apart=_APART)
        return Page(size, after, descending, request, key)


def latest_first(text: str, by: str) -> bool:
    """Whether an order_by (AIP-132) says so. Raises MessageError for anything but `by`, `by asc` and `by desc`.

    >>> latest_first("", "start_us"), latest_first("start_us desc", "start_us")
    (False, True)
    """
    words = text.split()
    if words and (words[0] != by or words[1:] not in ([], ["asc"], ["desc"])):
        raise MessageError(f"is none that this list has: {by}, or {by} desc", field="order_by", remedy=f"leave it out: {by}")
    return words[1:] == ["desc"]
