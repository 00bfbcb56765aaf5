"""Costs of runs of stage graphs. Written by `python -m benchmarks.graph_costs`; don't edit.

A line is a graph at a frame size: model, graph, the frame's rows, millions of bytes of weights and of the
most that a run held besides; then kinds of operators: how many, millions of operations, millions of bytes.
"""

from trt_anime.runtime.planning.costs import costs_from_lines

# fmt: off
_LINES = """
blip2-opt-2.7b prefill 0 1.112e+04 342.4 224x224 | fused 613 107.4 893.8 | math 1 257.6 515.3 | math 64 755 81.79 | math 192 2.416e+05 1.035e+04 | moved 325 45.9 336.9
blip2-opt-2.7b step 0 1.112e+04 633.6 224x224 | fused 676 168.2 1355 | math 64 157.3 321.8 | math 193 2.645e+04 1.061e+04 | moved 323 121 968.8
blip2-opt-2.7b vision 720 4372 175.8 224x224 | fused 1167 702 5985 | math 36 189.3 21.29 | math 85 6015 399.9 | math 78 1.451e+04 555.5 | math 15 8549 101.4 | math 156 5.058e+05 4880 | moved 501 165.1 1549
blip2-opt-2.7b vision 1080 4372 162.8 224x224 | fused 1167 710 6041 | math 36 189.3 21.29 | math 85 6015 399.9 | math 78 1.451e+04 555.5 | math 14 7419 88.58 | math 157 5.086e+05 4910 | moved 501 168.7 1579
clip-b32 embed 720 351.4 23.69 224x224 | fused 194 23.03 192.9 | math 1 0.7864 1.578 | math 24 92.16 10.25 | math 48 2831 128 | math 25 5894 255.1 | math 2 1624 20.33 | moved 96 4.391 37.08
clip-b32 embed 1080 351.4 43.91 224x224 | fused 194 30.74 246.9 | math 1 0.7864 1.578 | math 24 92.16 10.25 | math 48 2831 128 | math 25 5894 255.1 | math 2 3365 38.5 | moved 96 4.965 42.57
clip-l14 embed 720 1216 23.69 | fused 339 182.9 1614 | math 1 1.573 3.153 | math 48 6493 304 | math 99 5.367e+04 629.2 | math 48 1.035e+05 1058 | moved 180 65.2 523.8
clip-l14 embed 1080 1216 43.91 | fused 339 190.6 1668 | math 1 1.573 3.153 | math 48 6493 304 | math 99 5.541e+04 647.3 | math 48 1.035e+05 1058 | moved 180 65.77 529.3
clipseg effects 720 291.9 33.82 352x352 | fused 188 148.7 1266 | math 2 0.2621 0.2719 | math 1 15.86 2.976 | math 6 361.3 48.14 | math 12 95.35 6.156 | math 30 8958 345.5 | math 64 7.22e+04 583.5 | moved 105 62.48 496.4
clipseg effects 1080 291.9 45.9 352x352 | fused 188 161.1 1347 | math 2 0.2621 0.2719 | math 1 15.86 2.976 | math 6 361.3 48.14 | math 12 95.35 6.156 | math 30 8958 345.5 | math 64 7.51e+04 604.1 | moved 105 65.68 514.2
dinov2-b embed 720 342.9 23.69 224x224 | fused 195 62.01 513.3 | math 24 2435 114 | math 51 1.641e+04 212.6 | math 24 2.91e+04 321.2 | moved 95 25.46 205.7
dinov2-b embed 1080 342.9 43.91 224x224 | fused 195 69.72 567.3 | math 24 2435 114 | math 51 1.815e+04 230.7 | math 24 2.91e+04 321.2 | moved 95 26.04 211.2
dinov2-s embed 720 86.52 23.69 224x224 | fused 193 37.02 303.3 | math 24 1217 56.99 | math 75 1.265e+04 192.4 | moved 93 13.31 108.3
dinov2-s embed 1080 86.52 43.91 224x224 | fused 193 44.73 357.4 | math 24 1217 56.99 | math 75 1.439e+04 210.6 | moved 93 13.88 113.8
grounding-dino-tiny detect 720 261.4 962.8 750x1333 | fused 3972 7784 7.236e+04 | math 7 12.9 6.581 | math 24 5842 842 | math 37 7374 490.9 | math 60 3.766e+04 1104 | math 166 3.163e+05 4995 | math 88 5.725e+05 5227 | math 4 1.903e+04 99.68 | moved 1312 5212 3.649e+04
grounding-dino-tiny detect 1080 261.4 923.2 750x1333 | fused 3972 7791 7.24e+04 | math 7 12.9 6.581 | math 24 5842 842 | math 37 7374 490.9 | math 60 3.766e+04 1104 | math 166 3.163e+05 4995 | math 88 5.725e+05 5227 | math 4 1.903e+04 99.68 | moved 1312 5226 3.662e+04
isnet-anime matte 720 176 286 1024x1024 | fused 256 248.6 2238 | math 2 1.39 1.862 | math 4 44.28 16.45 | math 5 430.4 98.43 | math 1 906 79.7 | math 8 415.2 11.55 | math 36 8644 142.2 | math 32 8.244e+04 684.7 | math 27 1.299e+05 570.3 | math 9 9.664e+04 210.8 | moved 177 242.3 1987
isnet-anime matte 1080 176 303.6 1024x1024 | fused 266 291.9 2611 | math 2 3.122 4.175 | math 4 98.74 36.42 | math 5 590.1 135.9 | math 1 906 79.7 | math 8 415.2 11.55 | math 36 8644 142.2 | math 32 8.244e+04 684.7 | math 27 1.299e+05 570.3 | math 9 9.664e+04 210.8 | moved 180 295.1 2486
lama inpaint 720 203.9 521.8 | fused 339 457.9 4386 | math 144 2.985e+04 1171 | math 109 9.128e+04 1286 | math 4 3.584e+04 372.1 | math 76 2.66e+05 881 | math 36 1.651e+05 451.6 | moved 399 419 3943
lama inpaint 1080 203.9 452.1 | fused 339 484 4602 | math 144 2.985e+04 1171 | math 109 9.128e+04 1286 | math 4 3.584e+04 372.1 | math 76 2.66e+05 881 | math 36 1.651e+05 451.6 | moved 399 443.7 4182
mask2former-large segment 720 878.6 236.1 384x672 | fused 2019 2208 1.96e+04 | math 48 1.503e+04 1357 | math 37 3917 285.3 | math 97 3975 106.8 | math 75 6.932e+04 1154 | math 111 1.967e+05 1597 | math 36 1.712e+05 897.1 | math 1 1.903e+04 35.39 | moved 1086 1384 1.045e+04
mask2former-large segment 1080 878.6 350.8 384x672 | fused 2019 2433 2.136e+04 | math 48 1.503e+04 1357 | math 37 3917 285.3 | math 97 3975 106.8 | math 75 6.932e+04 1154 | math 111 1.967e+05 1597 | math 36 1.712e+05 897.1 | math 1 1.903e+04 35.39 | moved 1086 1433 1.111e+04
mask2former-tiny segment 720 194.3 216.3 384x672 | fused 1856 1601 1.461e+04 | math 48 1719 239.7 | math 13 1697 138.3 | math 138 2.099e+04 623.2 | math 84 4.244e+04 622 | math 25 4.816e+04 464.8 | math 1 1.903e+04 35.39 | moved 842 944.4 6922
mask2former-tiny segment 1080 194.3 350.8 384x672 | fused 1856 1825 1.637e+04 | math 48 1719 239.7 | math 13 1697 138.3 | math 138 2.099e+04 623.2 | math 84 4.244e+04 622 | math 25 4.816e+04 464.8 | math 1 1.903e+04 35.39 | moved 842 994 7590
migan inpaint 720 29.49 317 512x512 | fused 258 881.8 7199 | math 2 0.3113 0.2357 | math 46 2597 1260 | math 13 1062 265.7 | math 6 50.33 6.685 | math 4 6442 369.2 | math 8 6577 190.2 | math 8 6979 102.2 | math 6 6442 56.62 | moved 33 64.78 450.8
migan inpaint 1080 29.49 387.9 512x512 | fused 258 909.7 7430 | math 2 0.3113 0.2357 | math 46 2597 1260 | math 13 1062 265.7 | math 6 50.33 6.685 | math 4 6442 369.2 | math 8 6577 190.2 | math 8 6979 102.2 | math 6 6442 56.62 | moved 33 91.28 704.2
mobile-sam image 720 25.07 151.1 1024x1024 | fused 110 368.3 3063 | math 2 49.55 55.06 | math 13 821 365 | math 9 1955 262.7 | math 13 4762 356.1 | math 15 1.267e+04 451.6 | math 30 3.3e+04 586 | math 6 1.944e+04 164 | math 1 4832 10.75 | moved 166 259.1 2260
mobile-sam image 1080 25.07 151.1 1024x1024 | fused 110 375.2 3107 | math 2 49.55 55.06 | math 13 821 365 | math 9 1955 262.7 | math 13 4762 356.1 | math 15 1.267e+04 451.6 | math 30 3.3e+04 586 | math 6 1.944e+04 164 | math 1 4832 10.75 | moved 166 273 2385
mobile-sam mask 720 18.76 33.59 1024x1024 | fused 73 37.67 321.2 | math 7 9.474 18.41 | math 14 147 60.49 | math 22 82.58 12.76 | math 1 536.9 25.2 | math 10 4563 108.3 | math 1 1074 17.04 | moved 68 35.29 265.5
mobile-sam mask 1080 18.76 33.59 1024x1024 | fused 73 46.89 388 | math 7 9.474 18.41 | math 14 147 60.49 | math 22 82.58 12.76 | math 1 536.9 25.2 | math 10 4563 108.3 | math 1 1074 17.04 | moved 68 37.59 274.7
modnet matte 720 25.85 158.8 | fused 212 162 1328 | math 9 96.67 124.1 | math 17 344.1 150 | math 6 363.3 74.32 | math 7 1321 149.6 | math 6 506.5 37.3 | math 15 2362 73.61 | math 11 1.027e+04 175.2 | math 7 2.547e+04 206.8 | math 2 2569 11.42 | math 1 1.101e+04 22.15 | moved 138 216.5 1722
modnet matte 1080 25.85 172 | fused 222 200.6 1664 | math 9 98.4 126.4 | math 17 398.6 169.9 | math 6 523 111.8 | math 7 1321 149.6 | math 6 506.5 37.3 | math 15 2362 73.61 | math 11 1.027e+04 175.2 | math 7 2.547e+04 206.8 | math 2 2569 11.42 | math 1 1.101e+04 22.15 | moved 141 258.3 2134
sam-vit-b image 720 367.5 2500 1024x1024 | fused 126 2438 1.996e+04 | math 16 1686 294.3 | math 24 2.682e+04 1429 | math 8 2.062e+05 6644 | math 14 7.201e+04 414.9 | math 36 6.606e+05 2504 | math 1 4832 10.75 | moved 188 1557 1.243e+04
sam-vit-b image 1080 367.5 2504 1024x1024 | fused 126 2445 2.001e+04 | math 16 1686 294.3 | math 24 2.682e+04 1429 | math 8 2.062e+05 6644 | math 14 7.201e+04 414.9 | math 36 6.606e+05 2504 | math 1 4832 10.75 | moved 188 1571 1.256e+04
sam-vit-b mask 720 20.43 33.59 1024x1024 | fused 85 41.35 354.8 | math 15 2.757 2.809 | math 15 180.6 79.37 | math 22 82.58 12.76 | math 1 536.9 25.2 | math 10 5369 127.1 | math 1 1074 17.04 | moved 68 39.09 298
sam-vit-b mask 1080 20.43 33.59 1024x1024 | fused 85 50.56 421.6 | math 15 2.757 2.809 | math 15 180.6 79.37 | math 22 82.58 12.76 | math 1 536.9 25.2 | math 10 5369 127.1 | math 1 1074 17.04 | moved 68 41.39 307.2
u2netp matte 720 4.512 156.9 320x320 | fused 258 93.28 837.8 | math 3 2.619 4.729 | math 4 44.28 16.45 | math 10 285.6 65.78 | math 20 362.6 27.87 | math 53 505 14.25 | math 25 5987 106.3 | math 11 1.268e+04 123.4 | math 3 1.982e+04 104.1 | moved 183 85.81 747.6
u2netp matte 1080 4.512 166.9 320x320 | fused 268 133.4 1186 | math 3 4.351 7.042 | math 4 98.74 36.42 | math 10 445.4 103.2 | math 20 362.6 27.87 | math 53 505 14.25 | math 25 5987 106.3 | math 11 1.268e+04 123.4 | math 3 1.982e+04 104.1 | moved 186 131.9 1194
xmem decode 0 119.2 235 480x864 | fused 53 139.6 1263 | math 4 0.2621 0.2839 | math 1 238.9 53.3 | math 1 0.635 0.03928 | math 3 1700 24.29 | math 14 3.437e+05 574.5 | math 1 3.058e+04 35.98 | moved 22 51.27 445.3
xmem key 1080 38.87 93.65 480x864 | fused 60 128.2 1180 | math 1 29.86 6.679 | math 1 212.3 13.29 | math 8 8493 279.7 | math 10 1.129e+04 192 | math 16 1.89e+04 170.9 | math 10 1.911e+04 68.89 | moved 7 12.11 136.7
xmem merge 0 0.00038 62.05 480x864 | fused 26 36.5 285.3 | moved 11 13.66 125.8
xmem read 0 0.000184 920.1 480x864 | fused 23 299.5 2319 | math 1 99.53 205.9 | math 1 1.095e+04 184.1 | moved 12 58.52 717.4
xmem value 1080 90.9 146.7 480x864 | fused 49 96.17 855.3 | math 4 0.2621 0.2839 | math 1 212.3 19.94 | math 2 213 10.12 | math 1 2601 59.74 | math 1 1951 31.56 | math 6 1.911e+04 138.1 | math 3 1.147e+04 41.58 | math 11 1.096e+05 196.1 | moved 15 19.39 246.3
"""  # noqa: E501
# fmt: on

COSTS = tuple(costs_from_lines(_LINES.splitlines()))
