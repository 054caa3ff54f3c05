"""What this machine knows: its configuration, its hosts file, its special names."""
