"""``python -m kulla`` is ``kulla``."""

from kulla.cli.main import main

if __name__ == "__main__":
    main()
