"""DeepDream on pictures that do not fit into memory: computed block by block, read from and written to disk."""
