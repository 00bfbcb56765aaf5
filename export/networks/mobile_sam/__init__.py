"""MobileSAM: Segment Anything's prompts and mask decoder behind a TinyViT; names as in `mobile_sam.pt`."""
