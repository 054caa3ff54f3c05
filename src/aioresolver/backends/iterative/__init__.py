"""Walk from the root: the backend that needs nobody, one idea a file."""
