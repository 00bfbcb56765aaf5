"""Profiles of several stages: passes, the networks in them, the host's work beside."""
