"""Tables written by hand from the protocol, which the tests compare the engines with. They import nothing of m3core."""
