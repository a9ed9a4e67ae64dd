"""The command `m3`: one file a command. Nothing here is public but what the command does."""
