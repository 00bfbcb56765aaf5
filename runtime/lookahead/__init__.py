"""Cheap work on each decoded frame before any stage sees it: held frames and shots."""
