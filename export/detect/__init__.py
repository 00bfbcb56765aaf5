"""The stage `detect`: boxes around what a text names, found by GroundingDINO; its text side runs apart."""
