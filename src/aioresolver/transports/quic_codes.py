"""The error codes of DNS over QUIC (RFC 9250, 8.4)."""

from __future__ import annotations

__all__ = ["EXCESSIVE_LOAD", "INTERNAL_ERROR", "NO_ERROR", "PROTOCOL_ERROR", "REQUEST_CANCELLED", "describe"]

NO_ERROR = 0
INTERNAL_ERROR = 1
PROTOCOL_ERROR = 2
REQUEST_CANCELLED = 3
EXCESSIVE_LOAD = 4
UNSPECIFIED_ERROR = 5

NAMES = {
    NO_ERROR: "DOQ_NO_ERROR",
    INTERNAL_ERROR: "DOQ_INTERNAL_ERROR",
    PROTOCOL_ERROR: "DOQ_PROTOCOL_ERROR",
    REQUEST_CANCELLED: "DOQ_REQUEST_CANCELLED",
    EXCESSIVE_LOAD: "DOQ_EXCESSIVE_LOAD",
    UNSPECIFIED_ERROR: "DOQ_UNSPECIFIED_ERROR",
}


def describe(code: int) -> str:
    """The name of an error code, or its number."""
    return NAMES.get(code) or f"error {code:#x}"
