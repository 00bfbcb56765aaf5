"""XMem as six stage graphs of fixed shapes: `key`, `value`, `read`, `decode`, `merge`, `consolidate`."""
