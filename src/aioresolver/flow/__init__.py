"""Traffic: tools that know no DNS."""
