"""The stage `embed`: a picture, or a text, as one vector."""
