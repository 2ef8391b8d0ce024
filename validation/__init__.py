"""What the theory claims of the systems in ``models/``, computed and judged: ``python -m validation``."""
