"""`python -m mechexo` is `mechexo`."""

from mechexo.entry import main

if __name__ == "__main__":
    main()
