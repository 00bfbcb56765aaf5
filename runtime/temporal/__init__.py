"""Following objects through a clip: what is remembered, and when."""
