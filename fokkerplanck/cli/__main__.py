"""``python -m fokkerplanck.cli``."""

from fokkerplanck.cli import main

if __name__ == "__main__":
    main()
