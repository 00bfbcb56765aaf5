"""`python -m trt_anime`."""

from trt_anime.cli import main

if __name__ == "__main__":
    main()
