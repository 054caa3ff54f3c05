"""What this machine knows without asking anybody: overrides, the hosts file, and names that are not for the DNS."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.errors import NameSyntaxError
from aioresolver.system.config import SystemConfigFiles
from aioresolver.system.hosts import HostOverrides, Override, parse_hosts
from aioresolver.system.watched_file import WatchedFile
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, PTR, A

__all__ = ["LOCAL_TTL", "LocalHost", "LocalNames"]

LOCAL_TTL = 10
"""The TTL, in seconds, of what is known here: a file may change at any time, and is looked at every two seconds."""

LOOK_INTERVAL = 2.0
MOST_REMEMBERED = 1024

NO_HOSTS = parse_hosts("")
FAMILIES = {RRType.A: socket.AF_INET, RRType.AAAA: socket.AF_INET6}
LOOPBACK: dict[socket.AddressFamily, tuple[str, ...]] = {
    socket.AF_UNSPEC: ("127.0.0.1", "::1"),
    socket.AF_INET: ("127.0.0.1",),
    socket.AF_INET6: ("::1",),
}

# Every name that may have to be answered here, without being in a file, ends so: localhost, invalid, onion, arpa.
_ENDINGS = frozenset({"lhost.", "valid.", "onion.", ".arpa."})
_LOOPBACK_REVERSE = (".127.in-addr.arpa.", str(Name.reverse("::1")))
_NOWHERE = (".invalid.", ".onion.")


class LocalHost(NamedTuple):
    """The addresses of a host that is known here, in the order of the hosts file, and its canonical name."""

    canonical_name: str
    addresses: tuple[str, ...]


class LocalNames:
    """Answers for the names that are not to be asked for.

    - `hosts`: the user's overrides, see HostOverrides. They are all there is to a name: with IPv4 addresses only, its
      AAAA are empty. Ones with a port are given by `redirect`.
    - The hosts file, for A, AAAA and PTR, when `config` puts it before DNS (or is None). As in glibc, a name that has
      only addresses of the other family is asked of the DNS when one family is wanted, and is not when both are.
    - `localhost` and below: 127.0.0.1 and ::1, whatever a server says (RFC 6761, 6.3); so are their reverse names.
    - `invalid` (RFC 6761, 6.4) and `onion` (RFC 7686): no such name.

    The file is looked at every `interval` seconds at most. Making one reads nothing.
    """

    __slots__ = (
        "_config",
        "_file",
        "_hosts",
        "_interval",
        "_known",
        "_late_hosts",
        "_look_at",
        "_overrides",
        "_remembered",
        "_reverse",
        "_text",
    )

    def __init__(
        self,
        hosts: Mapping[str, Override] | None = None,
        *,
        config: SystemConfigFiles | None = None,
        hosts_file: str | os.PathLike[str] | None = None,
        interval: float = LOOK_INTERVAL,
    ) -> None:
        self._overrides = HostOverrides(hosts)
        self._config = config
        self._file = WatchedFile(default_hosts_file() if hosts_file is None else hosts_file)
        self._interval = interval
        self._look_at = float("-inf")
        self._text: tuple[str, bool] | None = None
        self._hosts = self._late_hosts = NO_HOSTS
        self._known: Collection[str] = ()
        self._reverse: dict[str, tuple[str, ...]] | None = None
        self._remembered: dict[Question, Answer[Any]] = {}

    def answer(self, question: Question, now: float) -> Answer[Any] | None:
        """The answer for a question, or None when it is one for the DNS; `now` is the loop's time."""
        if now >= self._look_at:
            self._look(now)
        name = question[0]
        if name in self._known or name[-6:] in _ENDINGS:
            answer = self._remembered.get(question)
            return self._find(question, now) if answer is None else answer
        return None

    def host(self, name: Name, family: int, now: float) -> LocalHost | None:
        """What getaddrinfo finds here for a host; None when it goes on to the DNS.

        With AF_UNSPEC the file has the last word on both families: a host with IPv4 only has no IPv6 in the DNS.
        """
        if now >= self._look_at:
            self._look(now)
        if name in self._overrides:
            return LocalHost(name[:-1], of_family(self._overrides.find(name), family))
        if name in self._known:
            canonical_name, addresses = self._hosts.find(name, family)
            if addresses:
                return LocalHost(canonical_name.removesuffix("."), addresses)
        if is_localhost(name):
            return LocalHost(name[:-1], LOOPBACK[socket.AddressFamily(family)])
        return None

    def late_host(self, name: Name, family: int, now: float) -> LocalHost | None:
        """What the hosts file has for a host that the DNS does not know, when `config` puts it after DNS."""
        if now >= self._look_at:
            self._look(now)
        canonical_name, addresses = self._late_hosts.find(name, family)
        return LocalHost(canonical_name.removesuffix("."), addresses) if addresses else None

    def name_of(self, address: str, now: float, *, late: bool = False) -> str | None:
        """The name that the hosts file has for an address, as it is written there; None when it has none.

        With `late` what it has when `config` puts it after DNS.
        """
        if now >= self._look_at:
            self._look(now)
        hosts = self._late_hosts if late else self._hosts
        names = hosts.names_of(address) or hosts.names_of(f"::ffff:{address}")
        return names[0] if names else None

    def domain(self, hostname: str, now: float) -> str:
        """This machine's own domain: what stands behind the first dot of its name; empty when nothing does.

        As in glibc the hosts file has the first word, by its name for `localhost`.
        """
        for text in ("localhost", hostname):
            try:
                local = self.host(Name.parse(text), socket.AF_UNSPEC, now)
            except NameSyntaxError:  # a machine may be called anything
                local = None
            domain = (text if local is None else local.canonical_name).partition(".")[2]
            if domain:
                return domain
        return ""

    @property
    def path(self) -> str:
        """The hosts file."""
        return str(self._file.path)

    def lines(self, name: Name) -> list[tuple[int, str]]:
        """The lines of the hosts file about a host, or about the address of a reverse name, with their numbers."""
        reverse = name.to_address()
        wanted = name.removesuffix(".") if reverse is None else str(reverse)
        found = []
        for number, line in enumerate(self._file.read()[0].split("\n"), 1):
            address, *names = line.partition("#")[0].lower().split() or [""]
            words = (each.removesuffix(".") for each in names) if reverse is None else [address]
            if names and wanted in words:
                found.append((number, " ".join(line.split())))
        return found

    def redirect(self, host: str, port: int) -> tuple[tuple[str, ...], int] | None:
        """The addresses and the port that an override has for connections to this host and port, else None."""
        if not self._overrides.has_ports:
            return None
        try:
            return self._overrides.redirect(Name.parse(host), port)
        except NameSyntaxError:
            return None

    def _look(self, now: float) -> None:
        """Read the file again if it is another one."""
        self._look_at = now + self._interval
        self._remembered.clear()  # so that their TTLs begin anew
        config = None if self._config is None else self._config.current(now)
        early = config is None or config.reads_hosts
        late = config is not None and config.reads_hosts_late
        text = self._file.read()[0] if early or late else ""
        if self._text is None or text is not self._text[0] or late is not self._text[1]:
            self._text = text, late
            hosts = parse_hosts(text)
            self._hosts, self._late_hosts = (NO_HOSTS, hosts) if late else (hosts, NO_HOSTS)
            self._reverse = None
            self._known = {*self._hosts.names(), *self._overrides} if self._overrides else self._hosts.names()

    def _find(self, question: Question, now: float) -> Answer[Any] | None:
        answer = self._make(question, now)
        if answer is not None and len(self._remembered) < MOST_REMEMBERED:
            self._remembered[question] = answer
        return answer

    def _make(self, question: Question, now: float) -> Answer[Any] | None:
        name, type_, class_ = question
        if class_ != RRClass.IN:
            return None
        family = FAMILIES.get(type_)
        if family is not None and name in self._overrides:
            return addressed(question, of_family(self._overrides.find(name), family), "overrides", now)
        if family is not None and (addresses := self._hosts.find(name, family)[1]):
            return addressed(question, addresses, "hosts", now)
        if type_ == RRType.PTR and (names := self._names(name)):
            return pointing(question, names, "hosts", now)
        return special_answer(question, now)

    def _names(self, reverse: str) -> tuple[str, ...]:
        """The names that the file has for an address."""
        if self._reverse is None:
            self._reverse = self._hosts.reverse()
        return self._reverse.get(reverse, ())


def default_hosts_file() -> str:
    """Where the hosts file of this platform is."""
    if sys.platform == "win32":
        return os.environ.get("SYSTEMROOT", r"C:\Windows") + r"\System32\drivers\etc\hosts"
    return "/etc/hosts"


def is_localhost(name: str) -> bool:
    """Whether the name is `localhost` or below it."""
    return name == "localhost." or name.endswith(".localhost.")


def special_answer(question: Question, now: float) -> Answer[Any] | None:
    """The answer for a name that RFC 6761 or RFC 7686 keeps out of the DNS, else None."""
    name, type_, _ = question
    if is_localhost(name):
        family = FAMILIES.get(type_)
        return addressed(question, LOOPBACK[family] if family else (), "special", now)
    if name.endswith(_NOWHERE) or name in ("invalid.", "onion."):
        return Answer.from_records(question, rcode=Rcode.NXDOMAIN, ttl=LOCAL_TTL, now=now, server="special")
    if type_ == RRType.PTR and name.endswith(_LOOPBACK_REVERSE) and Name(name).to_address() is not None:
        return pointing(question, ("localhost",), "special", now)
    return None


def of_family(addresses: Sequence[str], family: int) -> tuple[str, ...]:
    """Those of the addresses that are of the family; AF_UNSPEC is both."""
    if family == socket.AF_UNSPEC:
        return tuple(addresses)
    return tuple(address for address in addresses if (":" in address) == (family == socket.AF_INET6))


def addressed(question: Question, addresses: Sequence[str], server: str, now: float) -> Answer[Any]:
    """The answer that has these addresses, or none."""
    make = AAAA if question.type == RRType.AAAA else A
    records = [Record(question.name, question.type, RRClass.IN, LOCAL_TTL, make(address)) for address in addresses]
    return Answer.from_records(question, records, ttl=LOCAL_TTL, now=now, server=server)


def pointing(question: Question, names: Sequence[str], server: str, now: float) -> Answer[Any]:
    """The answer that has these names for an address."""
    records = []
    for text in names:
        try:
            data = PTR(Name.parse(text))
        except NameSyntaxError:  # what stands in a hosts file may be no name
            continue
        records.append(Record(question.name, RRType.PTR, RRClass.IN, LOCAL_TTL, data))
    return Answer.from_records(question, records, ttl=LOCAL_TTL, now=now, server=server)
