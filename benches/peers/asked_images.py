"""Draws images of ten classes as PNG files of 32 x 32: `asked_images.py FOLDER COUNT` writes 1,000 into `FOLDER/train` and
`COUNT + 1000` into `FOLDER/test`: benches/asked.toml indexes COUNT of these and asks about the others. Standard library only."""
import random
import struct
import sys
import zlib
from pathlib import Path

SIDE, CLASSES = 32, 10


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
END = chunk(b"IEND", b"")
# A class has a colour, and every image its own grain and its own stripe.
GRAIN = [bytes((20 * number + value // 4) % 256 for value in range(256)) for number in range(CLASSES)]


def png(random_numbers: random.Random, number: int) -> bytes:
    pixels = random_numbers.randbytes(3 * SIDE * SIDE).translate(GRAIN[number])
    stripe, width = random_numbers.randrange(SIDE), 3 * SIDE
    rows = [pixels[row * width : (row + 1) * width] for row in range(SIDE)]
    rows[stripe] = bytes([25 * number]) * width
    return HEAD + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 1)) + END


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    drawn = random.Random(7)
    for split, images in (("train", 1000), ("test", count + 1000)):
        for number in range(CLASSES):
            (folder / split / f"class-{number}").mkdir(parents=True, exist_ok=True)
        for at in range(images):
            number = at % CLASSES
            (folder / split / f"class-{number}" / f"{at:06}.png").write_bytes(png(drawn, number))
    (folder / "ready").write_text("")


if __name__ == "__main__":
    main()
