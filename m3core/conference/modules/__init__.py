"""One module a namespace: its state, its events, what its messages mean, and its commands.

To write one, read `base`, then `timer`, which is the shortest that has all four. What else there is to do: a line each
in `dispatch.Modules`, in `state.ConferenceState` and `snapshot`, in `commands.Commands`, and in the union of `events`.
"""
