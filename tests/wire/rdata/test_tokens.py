"""Presentation text: tokens, quotes, escapes, times."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioresolver.errors import RdataSyntaxError
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.tokens import Token, Tokens, parse_ttl, quote, tokenize, unescape


def texts(text):
    tokens = tokenize(text)
    return [str(tokens.take("a token")) for _ in range(len(tokens))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \t\r\n ", []),
        ("; nothing but a comment", []),
        ("a b\tc", ["a", "b", "c"]),
        ("a b;c", ["a", "b"]),
        ("a b\n\n", ["a", "b"]),
        ("\n a", ["a"]),
        ("a(b\nc)d", ["a", "b", "c", "d"]),
        ("( a ; one )\n b ; two (\n )", ["a", "b"]),
        ("((a)\n(b))", ["a", "b"]),
        ('"a b" c', ['"a b"', "c"]),
        ('"a;b" "(c" ""', ['"a;b"', '"(c"', '""']),
        (r'"a\"b" \"c', [r'"a\"b"', r"\"c"]),
        (r"a\ b\;c \(d\)", [r"a\ b\;c", r"\(d\)"]),
        (r"\\ a", [r"\\", "a"]),
        ('a"b"c', ["a", '"b"', "c"]),
    ],
)
def test_tokens(text, found):
    assert texts(text) == found


def test_what_stands_together_is_glued():
    tokens = tokenize('alpn="h2" port= "53"(x)y')

    assert [tokens.take("a token") for _ in range(len(tokens))] == [
        Token("alpn="),
        Token("h2", quoted=True, glued=True),
        Token("port="),
        Token("53", quoted=True),
        Token("x"),
        Token("y"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('a "b', 'expected the end of the quoted string or escape that starts with "'),
        ('"a\nb"', "expected the end of the quoted string or escape"),
        ("a\\", r"expected the end of the quoted string or escape that starts with \\"),
        ("a\\\nb", "expected the end of the quoted string or escape"),
        ("(a", "expected as many opening as closing parentheses"),
        ("a)", "expected as many opening as closing parentheses"),
        (")a(", "expected as many opening as closing parentheses"),
        ("a\nb", "expected one entry, found a second line that starts with b"),
        ("(a)\n b", "expected one entry, found a second line that starts with b"),
    ],
)
def test_text_that_is_not_one_entry(text, sentence):
    with pytest.raises(RdataSyntaxError, match=sentence):
        tokenize(text)


class TestTaking:
    def test_one_after_the_other(self):
        tokens = tokenize('a "b c" d')

        assert len(tokens) == 3
        assert tokens.peek() == Token("a")
        assert tokens.word("a word") == "a"
        assert tokens.string("a string") == b"b c"
        assert tokens.words("words") == "d"
        assert tokens.peek() is None
        tokens.finish()

    def test_words_are_joined(self):
        assert tokenize("ab cd ef").words("digits") == "abcdef"

    @pytest.mark.parametrize("take", ["take", "word", "words", "string"])
    def test_there_is_nothing_more(self, take):
        with pytest.raises(RdataSyntaxError, match="expected a mill, found nothing more"):
            getattr(tokenize(""), take)("a mill")

    @pytest.mark.parametrize("take", ["word", "words"])
    def test_a_word_is_not_quoted(self, take):
        with pytest.raises(RdataSyntaxError, match='expected a mill, found the quoted string "a b"'):
            getattr(tokenize('"a b"'), take)("a mill")

    def test_something_is_left_over(self):
        with pytest.raises(RdataSyntaxError, match='expected nothing more, found "a"'):
            tokenize('"a"').finish()

    def test_tokens_may_be_made_elsewhere(self):
        tokens = Tokens([Token("www"), Token("@")], Name("example."))

        assert [tokens.name(), tokens.name()] == ["www.example.", "example."]


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("www", "www.example."),
            ("www.", "www."),
            ("WWW.Example.", "www.example."),
            ("@", "example."),
            (r"\@", r"\@.example."),
            (r"a\.b", r"a\.b.example."),
            (r"a\.", r"a\..example."),
            (".", "."),
            ("*", "*.example."),
        ],
    )
    def test_are_completed_with_the_origin(self, text, name):
        assert tokenize(text, Name("example.")).name() == name

    def test_are_completed_with_the_root_when_there_is_no_origin(self):
        assert tokenize("www").name() == "www."

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("@", "@ stands for an origin, and there is none"),
            ("a..b", "a label is empty"),
            (r"a\256", "is no byte"),
            ("a" * 64, "longer than 63 bytes"),
            ('"a"', "found the quoted string"),
            ("", "found nothing more"),
        ],
    )
    def test_that_are_none(self, text, sentence):
        with pytest.raises(RdataSyntaxError, match=f"expected a domain name.*{sentence}"):
            tokenize(text).name()


@pytest.mark.parametrize(
    ("text", "data"),
    [("abc", b"abc"), (r"\065\"\\\a", b'A"\\a'), (r"\0001", b"\x001"), ("é", b"\xc3\xa9"), (r"\é", b"\xc3\xa9")],
)
def test_escapes(text, data):
    assert unescape(text) == data


@pytest.mark.parametrize("text", [r"\256", r"\1", r"\12", r"\12a", "\\", r"a\999"])
def test_escapes_that_are_none(text):
    with pytest.raises(
        RdataSyntaxError, match="expected three digits up to 255, or one character, after the backslash"
    ):
        unescape(text)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_can_be_quoted(data):
    text = quote(data)

    assert text.isascii()
    assert text.isprintable()
    assert tokenize(text).string("a string") == data
    assert len(tokenize(text)) == 1


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_tokens_or_a_syntax_error(text):
    try:
        tokens = tokenize(text)
    except RdataSyntaxError:
        return
    again = tokenize(" ".join(map(str, (tokens.take("a token") for _ in range(len(tokens))))))

    assert len(again) <= len(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("3600", 3600), ("1h30m", 5400), ("1W2D3H4M5S", 788645), ("4294967295", 4294967295), ("00060", 60)],
)
def test_times(text, seconds):
    assert parse_ttl(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1h30", "1x", "-1", "+1", "1.5h", "1 h", "१", "1_0", "h1"])
def test_times_that_are_none(text):
    with pytest.raises(RdataSyntaxError, match="expected seconds, or a time such as 1h30m, found"):
        parse_ttl(text)


@pytest.mark.parametrize("text", ["4294967296", "7102w", "9" * 5000, "9" * 5000 + "w", "1w" * 8000])
def test_times_that_are_too_long(text):
    with pytest.raises(RdataSyntaxError, match="expected a time of at most 4294967295 seconds"):
        parse_ttl(text)
