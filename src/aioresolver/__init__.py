"""aioresolver: DNS resolution for asyncio. A Question goes down, an Answer comes back."""

__version__ = "0.1.0"
