"""DKIM keys; those of these tests were made for them, or are mere numbers of the right length."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.dkim import KNOWN_SELECTORS, is_dkim, parse_dkim, rsa_bits

ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
ED25519 = b64encode(bytes(range(32))).decode()


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def rsa(bits: int, *, wrapped: bool = True) -> bytes:
    modulus = (1 << bits - 1 | 1).to_bytes(bits // 8 + 1, "big")
    key = element(0x30, element(0x02, modulus) + element(0x02, b"\x01\x00\x01"))
    return element(0x30, ALGORITHM + element(0x03, b"\x00" + key)) if wrapped else key


def text(key: bytes, more: str = "") -> str:
    return f"v=DKIM1; {more}p={b64encode(key).decode()}"


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("bits", [512, 1024, 2048, 4096])
def test_how_long_an_rsa_key_is(bits, wrapped):
    assert rsa_bits(rsa(bits, wrapped=wrapped)) == bits


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_key_that_is_cut_off_is_none(cut):
    assert rsa_bits(rsa(1024)[:cut]) is None


def test_a_good_key():
    key = parse_dkim(text(rsa(2048), "k=rsa; h=sha256 : sha1; s=email; t=y:s; n=a note; "))

    assert (key.key_type, key.bits, key.key, key.revoked) == ("rsa", 2048, rsa(2048), False)
    assert (key.hashes, key.services, key.testing, key.strict) == (("sha256", "sha1"), ("email",), True, True)
    assert key.problems == ()
    assert str(key) == "a key for rsa of 2048 bits, testing"


def test_what_need_not_be_said():
    key = parse_dkim(f"p={b64encode(rsa(2048)).decode()}")

    assert (key.key_type, key.hashes, key.services, key.testing, key.strict) == ("rsa", (), ("*",), False, False)
    assert key.problems == ()


def test_white_space_in_a_key_does_not_count():
    written = b64encode(rsa(2048)).decode()

    assert parse_dkim(f"v=DKIM1; p={written[:70]} \t {written[70:]}").bits == 2048


def test_a_short_key_of_the_new_kind():
    key = parse_dkim(f"v=DKIM1; k=ed25519; p={ED25519}")

    assert (key.bits, key.problems, str(key)) == (None, (), "a key for ed25519")


def test_a_revoked_key():
    key = parse_dkim("v=DKIM1; p=")

    assert (key.revoked, key.problems, str(key)) == (True, (), "revoked")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("v=DKIM1; k=rsa", "there is no p"),
        ("v=DKIM2; p=", "written DKIM1"),
        ("p=; v=DKIM1", "does not begin with v=DKIM1"),
        ("v=DKIM1; p=not base64!", "the key is not base64"),
        ("v=DKIM1; p=MIIé", "the key is not base64"),
        (f"v=DKIM1; p={ED25519}", "no RSA public key"),
        (text(rsa(512)), "a key of 512 bits is not believed"),
        (text(rsa(1024)), "the key has 1024 bits, and should have 2048"),
        (text(rsa(2048), "h=sha1; "), "sha1 is not believed"),
        (text(rsa(2048), "k=rot13; "), "the key type 'rot13' is not known"),
        (f"v=DKIM1; k=ed25519; p={ED25519[:8]}", "has 32 bytes, not 6"),
        (f"v=DKIM1; p={b64encode(rsa(2048)).decode()}; p=", "more than once"),
    ],
)
def test_bad_keys(written, problem):
    (told,) = parse_dkim(written).problems

    assert problem in told
    assert "(RFC " in told


@pytest.mark.parametrize(
    ("written", "is_key"),
    [
        ("v=DKIM1; p=", True),
        ("v=dkim1", True),
        ("k=rsa; p=abc", True),
        ("v=DMARC1; p=none", False),
        ("v=spf1 mx -all", False),
        ("hello", False),
        ("", False),
    ],
)
def test_what_means_to_be_a_key(written, is_key):
    assert is_dkim(written) is is_key


def test_no_selector_is_asked_for_twice():
    assert len(set(KNOWN_SELECTORS)) == len(KNOWN_SELECTORS)


@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: rsa(512)[:30] + tail))
def test_any_bytes_can_be_read(key):
    parse_dkim(text(key))


@given(st.text())
def test_any_text_can_be_read(written):
    parse_dkim(written)
