"""Who can find an answer."""
