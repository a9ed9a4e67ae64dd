"""The command `m3`, also as ``python -m m3asyncio``."""

from m3asyncio.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
