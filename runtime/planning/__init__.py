"""What a chain would take on a GPU that isn't here: predicted from graphs, ceilings and profiles."""
