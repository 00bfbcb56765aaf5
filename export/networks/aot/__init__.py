"""AOT and DeAOT: many objects followed through a clip at once, by attention to remembered frames.

Source papers: Yang et al., "Associating Objects with Transformers for Video Object Segmentation", NeurIPS
2021; Yang and Yang, "Decoupling Features in Hierarchical Propagation for Video Object Segmentation",
NeurIPS 2022. State names are those of the published `*.pth` files.

Batch is one everywhere. A *map* is 1 x C x h x w, *tokens* are the same values as n x C with n = h * w, row
by row. Sizes: the network takes 16k + 1 pixels a side and sees k + 1 tokens there.
"""
