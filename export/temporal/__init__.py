"""Following objects through a clip: the networks as graphs with a memory of fixed size."""
