"""The published address of an error's page, which never changes."""

from __future__ import annotations

from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ErrorAddress:
    """An address that was published for an error text.

    Attributes:
        address: name of the page.
        title: the error text at that time.
        downtimes: ids of the breakages that showed it then: where the text is told otherwise
            later, they lead to its page.
    """

    address: str
    title: str
    downtimes: tuple[str, ...] = ()
