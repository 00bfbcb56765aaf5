"""Around the graphs `prompt` and `detect`: a list of phrases goes in, boxes with phrases come out."""
