"""Vector indexes side by side: ours and pinned peers, on any data."""
