"""Hypothesis strategies for rdata, derived from the declared fields: `rdata_values()`, `values_of(type)`, `names()`."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET6, inet_ntop
from typing import Any

from hypothesis import strategies as st

from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import read_name
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import GenericRdata, ServiceKey, ServiceParam, certificates, dnssec, fields, shapes, unusual
from aioresolver.wire.rdata.service_params import SERVICE_PARAMS
from aioresolver.wire.rdata.type_bitmap import TYPE_BITMAP

HOST = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12).map(str.encode)
LABEL = st.one_of(HOST, st.binary(min_size=1, max_size=20), st.binary(min_size=63, max_size=63))


def names() -> st.SearchStrategy[Name]:
    """Names of up to seven labels; most are those of hosts, some have any bytes."""
    labels = st.one_of(st.lists(HOST, max_size=7), st.lists(LABEL, max_size=3))
    return labels.map(lambda some: read_name(wire_of(some), 0)[0])


def cased_names() -> st.SearchStrategy[str]:
    """Names as text whose letters have any case."""
    return names().flatmap(lambda name: st.sampled_from([str(name), name.upper(), name.title()]))


def wire_of(labels: list[bytes]) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def types() -> st.SearchStrategy[RRType]:
    """Types with a name here, and some of the private ones."""
    return st.one_of(st.sampled_from(list(RRType)), st.integers(0xFF00, 0xFFFE).map(RRType))


def address4() -> st.SearchStrategy[str]:
    return st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))


def address6() -> st.SearchStrategy[str]:
    groups = st.lists(st.one_of(st.just(0), st.integers(0, 0xFFFF)), min_size=8, max_size=8)
    packed = st.one_of(
        groups.map(lambda some: b"".join(group.to_bytes(2, "big") for group in some)),
        st.binary(min_size=4, max_size=4).map(lambda tail: IPv6Address("::ffff:0:0").packed[:12] + tail),
        st.binary(min_size=16, max_size=16),
    )
    return packed.map(lambda data: inet_ntop(AF_INET6, data))


def numbers(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << 8 * size) - 1)


def extents() -> st.SearchStrategy[int]:
    return st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda both: both[0] * 10 ** both[1])


STRING = st.binary(max_size=255)
SOME = st.binary(min_size=1, max_size=80)

KNOWN_PARAMS: dict[ServiceKey, st.SearchStrategy[Any]] = {
    ServiceKey.ALPN: st.lists(
        st.one_of(st.sampled_from(["h2", "h3", "http/1.1"]), SOME.map(lambda some: some.decode("latin-1"))),
        min_size=1,
        max_size=4,
    ).map(tuple),
    ServiceKey.PORT: numbers(2),
    ServiceKey.IPV4HINT: st.lists(address4(), min_size=1, max_size=3).map(tuple),
    ServiceKey.ECH: SOME.map(lambda some: (len(some) + 4).to_bytes(2, "big") + b"\xfe\x0d\0\0" + some),
    ServiceKey.IPV6HINT: st.lists(address6(), min_size=1, max_size=3).map(tuple),
    ServiceKey.DOHPATH: st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    ServiceKey.OHTTP: st.just(True),
}


@st.composite
def service_params(draw: st.DrawFn) -> tuple[ServiceParam, ...]:
    """Parameters that agree with each other."""
    values = {key: draw(KNOWN_PARAMS[key]) for key in draw(st.sets(st.sampled_from(list(KNOWN_PARAMS))))}
    if ServiceKey.ALPN in values and draw(st.booleans()):
        values[ServiceKey.NO_DEFAULT_ALPN] = True
    # 9 to 0xfeff are IANA's to give away, so that others may know more of them than we do.
    unknown = st.integers(0xFF00, 0xFFFE).map(ServiceKey)
    values |= draw(st.dictionaries(unknown, st.binary(max_size=40), max_size=2))
    if values and draw(st.booleans()):
        listed = st.lists(st.sampled_from(list(values)), min_size=1, unique=True)
        values[ServiceKey.MANDATORY] = tuple(sorted(draw(listed)))
    return tuple(ServiceParam(key, values[key]) for key in sorted(values))


VALUES: dict[fields.Field[Any], st.SearchStrategy[Any]] = {
    fields.U8: numbers(1),
    fields.U16: numbers(2),
    fields.U32: numbers(4),
    fields.TTL: numbers(4),
    fields.TYPE: types(),
    fields.ADDRESS4: address4(),
    fields.ADDRESS6: address6(),
    fields.NAME: names(),
    fields.NAME_PLAIN: names(),
    fields.STRING: STRING,
    fields.STRINGS: st.lists(STRING, min_size=1, max_size=3).map(tuple),
    fields.HEX: SOME,
    fields.BASE64: SOME,
    fields.QUOTED: st.binary(max_size=300),
    fields.QUOTED_SOME: st.binary(min_size=1, max_size=300),
    SERVICE_PARAMS: service_params(),
    dnssec.ALGORITHM: numbers(1),
    dnssec._TIME: numbers(4),
    TYPE_BITMAP: st.frozensets(st.one_of(types(), numbers(2).map(RRType))).map(lambda some: tuple(sorted(some))),
    dnssec._CASED_NAME: cased_names(),
    dnssec._SALT: STRING,
    dnssec._HASH: st.binary(min_size=1, max_size=255),
    certificates._TAG: st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", min_size=1, max_size=30),
    certificates._CERTIFICATE_TYPE: st.one_of(st.sampled_from([1, 3, 253]), numbers(2)),
    unusual._VERSION: st.just(0),
    unusual._EXTENT: extents(),
    unusual._LATITUDE: st.integers(unusual._LATITUDE.smallest, unusual._LATITUDE.largest),
    unusual._LONGITUDE: st.integers(unusual._LONGITUDE.smallest, unusual._LONGITUDE.largest),
    unusual._ALTITUDE: numbers(4),
}

SHAPES = {shape.type: shape for shape in shapes()}
TYPES = sorted(SHAPES)


def values_of(rrtype: RRType) -> st.SearchStrategy[Any]:
    """Every value that records of this type may have."""
    shape = SHAPES.get(rrtype)
    if shape is None:
        return st.binary(max_size=60).map(lambda data: GenericRdata(rrtype, data))
    return st.builds(shape.cls, *(value_of(field) for field in shape.fields))


def value_of(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    if field in VALUES:
        return VALUES[field]
    assert isinstance(field, unusual._Hardware)
    return st.binary(min_size=field.size, max_size=field.size)


def rdata_values() -> st.SearchStrategy[Any]:
    """Values of any type that has a class, and of one that has none."""
    return st.sampled_from([*TYPES, RRType(65280)]).flatmap(values_of)
