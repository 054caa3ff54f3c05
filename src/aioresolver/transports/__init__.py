"""The carriage: bytes out, bytes back. Knows no DNS but the id and the echoed question."""
