"""One module for each namespace: its state, its events, what its messages mean, and its commands.

To write one, read `base`, then `timer`, which is the shortest that has all four. A new module gets a field of
`state.ConferenceState`, which makes it part of every conference, and its commands a line in `commands.Commands`.
"""
