"""Operators that can be written in more than one way, and which way a graph has taken."""
