"""How good a result is, a module for each kind of it: arrays in, numbers out."""
