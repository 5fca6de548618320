"""Private: kernels in C, what malloc keeps, the peak of memory."""
