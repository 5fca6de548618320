"""Private: compiled C kernels, glibc's malloc settings, peak memory, and atomic file writes."""
