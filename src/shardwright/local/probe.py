"""Asks a server over HTTP whether it serves: one small request, no library, nothing kept open."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["serves"]

_TIMEOUT_SECONDS = 2.0


async def serves(address: str, port: int, path: str) -> bool:
    """Whether a GET of that path is answered with 200 now."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(request)
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]
