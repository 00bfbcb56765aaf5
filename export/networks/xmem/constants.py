"""Numbers of XMem that its networks and its graphs share."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB in 0..1, those of ImageNet
LEAST, MOST = 1e-7, 1 - 1e-7  # of a probability whose odds are taken
