"""A DNS server on loopback with zones and faults, for tests without a network."""
