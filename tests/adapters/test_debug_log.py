"""The debug log reads like a story, keeps names below INFO, and builds nothing for a level that is off."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from aioresolver.adapters.debug_log import DebugLog
from aioresolver.errors import AddressBlocked, Attempt, LookupTimeout, ServerFailure
from aioresolver.events import (
    AnswerBlocked,
    AnswerFromCache,
    AttemptFailed,
    LookupAbandoned,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    StaleServed,
    UpstreamBack,
    UpstreamBenched,
)
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Question

ZONE = """
$ORIGIN seen.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 127.0.0.9
many   60 TXT "1"
many   60 TXT "2"
many   60 TXT "3"
many   60 TXT "4"
many   60 TXT "5"
many   60 TXT "6"
"""
WWW = Question.parse("www.seen.test")


async def test_the_story_of_a_resolver(caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, "aioresolver")
    async with (
        DNSServer(ZONE, faults=[Fault.servfail(name="broken.seen.test")]) as server,
        Resolver(server.nameserver, observer=DebugLog(), policy=AddressPolicy.public(allow=["127.0.0.9"])) as resolver,
    ):
        await resolver.query("www.seen.test")
        await resolver.query("www.seen.test")
        await resolver.query("no.seen.test")
        await resolver.query("www.seen.test", "MX")
        for _ in range(2):
            with pytest.raises(ServerFailure):
                await resolver.query("broken.seen.test")
        await resolver.query("many.seen.test", "TXT")

    said = [re.sub(r"[\d.]+ ms", "1 ms", message).replace(server.nameserver, "SERVER") for message in caplog.messages]
    assert said == [
        "www.seen.test. A: asking",
        "www.seen.test. A: 127.0.0.9, for 60 s, from SERVER in 1 ms",
        "www.seen.test. A: known: 127.0.0.9, for 60 s",
        "no.seen.test. A: asking",
        "no.seen.test. A: no such name, for 30 s, from SERVER in 1 ms",
        "www.seen.test. MX: asking",
        "www.seen.test. MX: no data, for 30 s, from SERVER in 1 ms",
        "broken.seen.test. A: asking",
        "broken.seen.test. A: SERVER: SERVFAIL (udp, 1 ms)",
        "broken.seen.test. A: SERVER: SERVFAIL (udp, 1 ms)",
        "broken.seen.test. A: failed after 1 ms: no nameserver could answer (SERVFAIL)",
        "broken.seen.test. A: known: failed a moment ago: no nameserver could answer (SERVFAIL)",
        "many.seen.test. TXT: asking",
        'many.seen.test. TXT: "1", "2", "3", "4" and 2 more, for 60 s, from SERVER in 1 ms',
    ]
    assert {record.name for record in caplog.records} == {"aioresolver"}


async def test_every_event_has_its_line(caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, "aioresolver")
    async with DNSServer(ZONE) as server, Resolver(server.nameserver) as resolver:
        answer = await resolver.query("www.seen.test")
    log = DebugLog()
    for event in (
        LookupStarted(WWW),
        AttemptFailed(WWW, Attempt("udp://192.0.2.1", "udp", "no reply", 0.4)),
        UpstreamBenched("udp://192.0.2.1", "it is silent"),
        LookupAnswered(WWW, answer, 1.234),
        UpstreamBack("udp://192.0.2.1"),
        LookupFailed(WWW, LookupTimeout("www.seen.test.", "A", "no answer within 5 s"), 5.0),
        LookupFailed(WWW, ZeroDivisionError("a fault"), 0.0),
        LookupAbandoned(WWW, 0.25),
        AnswerFromCache(WWW, answer),
        StaleServed(WWW, answer),
        AnswerBlocked(AddressBlocked("www.seen.test", "A", "the address policy forbids 127.0.0.9")),
    ):
        log(event)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "www.seen.test. A: asking"),
        ("DEBUG", "www.seen.test. A: udp://192.0.2.1: no reply (udp, 400.0 ms)"),
        ("INFO", "udp://192.0.2.1: benched: it is silent"),
        ("DEBUG", f"www.seen.test. A: 127.0.0.9, for 60 s, from {server.nameserver} in 1.23 s"),
        ("INFO", "udp://192.0.2.1: back"),
        ("DEBUG", "www.seen.test. A: failed after 5.00 s: no answer within 5 s"),
        ("DEBUG", "www.seen.test. A: failed after 0.0 ms: ZeroDivisionError: a fault"),
        ("DEBUG", "www.seen.test. A: given up after 250.0 ms: nobody waits for it"),
        ("DEBUG", "www.seen.test. A: known: 127.0.0.9, for 60 s"),
        ("DEBUG", "www.seen.test. A: stale: 127.0.0.9, for 60 s"),
        ("DEBUG", "www.seen.test A: blocked: the address policy forbids 127.0.0.9"),
    ]


def test_a_level_that_is_off_costs_no_line(monkeypatch: Any) -> None:
    monkeypatch.setattr("aioresolver.adapters.debug_log._line", pytest.fail)
    logger = logging.getLogger("quiet")
    logger.setLevel(logging.INFO)
    DebugLog(logger)(LookupStarted(WWW))
    logger.setLevel(logging.WARNING)
    DebugLog(logger)(UpstreamBack("udp://192.0.2.1"))


def test_another_logger(caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, "mine")
    DebugLog(logging.getLogger("mine"))(LookupStarted(WWW))
    assert caplog.record_tuples == [("mine", logging.DEBUG, "www.seen.test. A: asking")]
