"""`python -m mechexo` is `mechexo`."""

from mechexo.cli import main

if __name__ == "__main__":
    main()
