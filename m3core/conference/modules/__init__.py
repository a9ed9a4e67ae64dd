"""One module for each namespace: its state, its events, what its messages mean, and its commands.

Before you write one, read `base`, then `timer`, which is the shortest module that has all four. A new module needs a
field of `state.ConferenceState`, which makes it part of every conference, and a line for its commands in
`commands.Commands`.
"""
