"""A stage graph or engine, ready to run on a stream: one protocol over five libraries."""
