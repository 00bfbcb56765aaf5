"""What a GPU machine without package registries needs, in pieces that travel; needs Python alone."""
