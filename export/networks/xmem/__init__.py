"""XMem: masks carried through a clip by three memories (Cheng and Schwing, ECCV 2022)."""
