"""Whom to ask where some nameservers are encrypted and some are not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeVar, get_args

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver

__all__ = ["ENCRYPTION_MODES", "EncryptionMode", "chosen", "permitted"]

EncryptionMode = Literal["automatic", "plain", "required"]
"""automatic: no plain nameserver is asked while an encrypted one works; plain: plain ones only; required: encrypted ones."""

ENCRYPTION_MODES: tuple[EncryptionMode, ...] = get_args(EncryptionMode)


class _Known(Protocol):
    @property
    def nameserver(self) -> Nameserver: ...


U = TypeVar("U", bound=_Known)


def chosen(nameservers: Iterable[Nameserver], mode: str = "automatic") -> tuple[Nameserver, ...]:
    """Those of the nameservers that are ever asked in this mode. Raises ConfigurationError when that is none of them."""
    given = tuple(nameservers)
    if mode not in ENCRYPTION_MODES:
        raise ConfigurationError(f"encryption is one of {', '.join(ENCRYPTION_MODES)}, not {mode!r}")
    if mode == "automatic":
        return given
    wanted = mode == "required"
    left = tuple(nameserver for nameserver in given if nameserver.encrypted is wanted)
    if given and not left:
        all_are, write = ("plain", "tls://… or https://…") if wanted else ("encrypted", "an address or udp://…")
        raise ConfigurationError(
            f"encryption={mode!r} leaves no nameserver: {', '.join(map(str, given))} "
            f"{'is' if len(given) == 1 else 'are'} {all_are}; give one as {write}"
        )
    return left


def permitted(upstreams: Sequence[U], works: Callable[[U], bool]) -> Sequence[U]:
    """Those that may be sent anything now, in the order given: no plain one while an encrypted one works.

    `works` tells whether there is a way to it; one of which nothing is known works. An encrypted one that replies with
    SERVFAIL or REFUSED has a way to it, and is no reason to say the name aloud.
    """
    if len(upstreams) < 2:
        return upstreams
    encrypted = [upstream for upstream in upstreams if upstream.nameserver.encrypted]
    if not encrypted or len(encrypted) == len(upstreams):
        return upstreams
    return encrypted if any(map(works, encrypted)) else upstreams
