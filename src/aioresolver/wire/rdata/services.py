"""The record types that say where a service is: SRV, NAPTR, URI, SVCB and HTTPS."""

from __future__ import annotations

from typing import Any, NamedTuple

from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.fields import NAME_PLAIN, QUOTED_SOME, STRING, U16
from aioresolver.wire.rdata.registry import rdata
from aioresolver.wire.rdata.service_params import SERVICE_PARAMS, ServiceParam
from aioresolver.wire.rdata.service_values import ServiceKey

__all__ = ["HTTPS", "NAPTR", "SRV", "SVCB", "URI"]


@rdata(RRType.SRV, U16, U16, U16, NAME_PLAIN)
class SRV(NamedTuple):
    """A server of a service: lower priority first, equals in proportion to weight; `.` is "no service" (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: Name


@rdata(RRType.NAPTR, U16, U16, STRING, STRING, STRING, NAME_PLAIN)
class NAPTR(NamedTuple):
    """A rule that rewrites a name into where its service is: lower order, then lower preference first (RFC 3403)."""

    order: int
    preference: int
    flags: bytes
    services: bytes
    regexp: bytes
    replacement: Name


@rdata(RRType.URI, U16, U16, QUOTED_SOME)
class URI(NamedTuple):
    """The URI of a service: lower priority first, equals in proportion to weight (RFC 7553)."""

    priority: int
    weight: int
    target: bytes

    @property
    def text(self) -> str:
        r"""The target as text; bytes that are not UTF-8 are shown as `\xNN`."""
        return self.target.decode("utf-8", "backslashreplace")


@rdata(RRType.SVCB, U16, NAME_PLAIN, SERVICE_PARAMS)
class SVCB(NamedTuple):
    """An endpoint of a service and what it takes to connect to it; priority 0 is an alias of `target` (RFC 9460).

    A target of `.` stands for the record's own name. `params` are in the order of their keys; the properties below
    give the values of those that are there.
    """

    priority: int
    target: Name
    params: tuple[ServiceParam, ...] = ()

    def param(self, key: ServiceKey) -> Any:
        """The value of this parameter (its type: see ServiceParam); None when it is not there."""
        return next((value for other, value in self.params if other == key), None)

    @property
    def mandatory(self) -> tuple[ServiceKey, ...]:
        """The keys without which a client must not use the record."""
        return self.param(ServiceKey.MANDATORY) or ()

    @property
    def alpn(self) -> tuple[str, ...]:
        """The protocols of the endpoint, beside the default one."""
        return self.param(ServiceKey.ALPN) or ()

    @property
    def no_default_alpn(self) -> bool:
        """Whether the endpoint does not speak the default protocol."""
        return self.param(ServiceKey.NO_DEFAULT_ALPN) is not None

    @property
    def port(self) -> int | None:
        """The port, when it is not the default one."""
        port: int | None = self.param(ServiceKey.PORT)
        return port

    @property
    def ipv4hint(self) -> tuple[str, ...]:
        """IPv4 addresses to try until those of the target are known."""
        return self.param(ServiceKey.IPV4HINT) or ()

    @property
    def ipv6hint(self) -> tuple[str, ...]:
        """IPv6 addresses to try until those of the target are known."""
        return self.param(ServiceKey.IPV6HINT) or ()

    @property
    def ech(self) -> bytes | None:
        """The configurations for an encrypted ClientHello (RFC 9848)."""
        ech: bytes | None = self.param(ServiceKey.ECH)
        return ech

    @property
    def dohpath(self) -> str | None:
        """The URI template of DNS over HTTPS (RFC 9461)."""
        path: str | None = self.param(ServiceKey.DOHPATH)
        return path


@rdata(RRType.HTTPS, U16, NAME_PLAIN, SERVICE_PARAMS)
class HTTPS(SVCB):
    """An endpoint of a web origin, as SVCB describes it (RFC 9460, 9)."""

    __slots__ = ()
