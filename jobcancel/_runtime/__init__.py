"""The scheduler: the only part of the core that imports anyio, knows a loop, and carries decisions out."""
