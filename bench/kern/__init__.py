"""Our distance kernels beside those of faiss and numkong, on the same memory."""
