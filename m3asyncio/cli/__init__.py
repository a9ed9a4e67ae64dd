"""The command `m3`: `demo`, `serve` and `join` have a module each. No name of this package is public."""
