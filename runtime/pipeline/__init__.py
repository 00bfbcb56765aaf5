"""From decoded frames to written layers: a plan, the work for one slot, and the flow of slots."""
