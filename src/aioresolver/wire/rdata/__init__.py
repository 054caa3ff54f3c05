"""Typed record data: one class for each type, declared by its fields; the codecs are derived from that."""
