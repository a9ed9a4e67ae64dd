"""Tables that were written by hand from the protocol, to compare the engines with. They import nothing of m3core."""
