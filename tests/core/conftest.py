"""Its place is what matters: pytest puts this directory on the import path, for `worlds` and `tables`."""
