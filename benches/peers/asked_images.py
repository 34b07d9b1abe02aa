"""Draws images of ten classes as PNG files of 32 x 32: `asked_images.py FOLDER COUNT` writes 1,000 into `FOLDER/train` and
`COUNT + 1000` into `FOLDER/test`: benches/asked.toml indexes COUNT of these and asks about the others.
Nothing on an image tells its class, so the network does not learn to put all images of one to the same place: their vectors
lie apart as those of photographs do. Standard library only."""
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
CELLS, CELL = 4, SIDE // 4
# Half of a number is drawn for the image's cells, the rest is grain.
COARSE, FINE = bytes(value // 2 for value in range(256)), bytes(value // 8 for value in range(256))


def png(drawn: random.Random) -> bytes:
    """Sixteen cells of drawn colours with grain over all of it."""
    cells, grain = drawn.randbytes(3 * CELLS * CELLS).translate(COARSE), drawn.randbytes(3 * SIDE * SIDE).translate(FINE)
    rows, width = [], 3 * SIDE
    for y in range(SIDE):
        of_row = cells[3 * CELLS * (y // CELL) : 3 * CELLS * (y // CELL + 1)]
        coarse = b"".join(of_row[3 * x : 3 * x + 3] * CELL for x in range(CELLS))
        mixed = int.from_bytes(coarse, "big") + int.from_bytes(grain[y * width : (y + 1) * width], "big")
        rows.append(mixed.to_bytes(width, "big"))
    return HEAD + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 1)) + END


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    drawn = random.Random(7)
    for split, images in (("train", 1000), ("test", count + 1000)):
        for number in range(CLASSES):
            (folder / split / f"class-{number}").mkdir(parents=True, exist_ok=True)
        for at in range(images):
            number = at % CLASSES
            (folder / split / f"class-{number}" / f"{at:06}.png").write_bytes(png(drawn))
    (folder / "ready").write_text("")


if __name__ == "__main__":
    main()
