"""A relay to a server that is as far away as one likes: every answer comes later by a fixed time.

python -m bench.bucket.relay LISTEN_PORT TARGET_PORT DELAY_MS
"""

from __future__ import annotations

import asyncio
import sys

PIECE_BYTES = 1 << 16


async def main(port: int, target: int, delay_s: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, forth, 0.0), _pass_on(back, writer, delay_s))

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass pieces on; what comes together is delayed once."""
    try:
        while piece := await reader.read(PIECE_BYTES):
            if delay_s:
                await asyncio.sleep(delay_s)
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
