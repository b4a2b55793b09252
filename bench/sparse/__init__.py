"""Our index of sparse vectors beside full-text engines: BM25 over texts."""
