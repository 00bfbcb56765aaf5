"""XMem's memory: what it holds, when it changes, and the graphs that work on it."""
