"""Pictures that do not fit into memory: dreamed block by block, read from and written to disk."""
