"""m3core."""
