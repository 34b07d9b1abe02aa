"""Makes the subsets of Noto beside this file anew: of the characters of national standards, without hints and vertical forms.

    apt-get download fonts-noto-cjk fonts-noto-core && for p in fonts-noto-*.deb; do dpkg -x "$p" unpacked; done
    pip install fonttools==4.68.0
    python3 src/report/font/subset.py unpacked

Debian's packages are of versions 1:20220127+repack1-1 (CJK) and 20201225-1 (Thai). The same packages give the same bytes.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
# Which of the fonts in the collection: 2 is that for Simplified Chinese.
FACE = 2


def of(codec: str, leads: range, trails: range = range(0x40, 0xFF)) -> set[int]:
    """Characters of two bytes in a codec."""
    found = set()
    for lead in leads:
        for trail in trails:
            try:
                text = bytes([lead, trail]).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(text) == 1:
                found.add(ord(text))
    return found


def east_asian() -> set[int]:
    """Han of GB 2312, of JIS X 0208 and of the first plane of Big5, kana, every syllable of Hangul, and their signs."""
    han = of("gb2312", range(0xA1, 0xFF)) | of("shift_jis", range(0x81, 0xF0)) | of("big5", range(0xA4, 0xC7))
    signs = set(range(0x3000, 0x3100)) | set(range(0x3131, 0x318F)) | set(range(0xFF01, 0xFFE7))
    return {c for c in han if c >= 0x2E80} | signs | set(range(0xAC00, 0xD7A4))


def write(source: Path, number: int, characters: set[int], features: list[str], to: str) -> None:
    options = subset.Options(hinting=False, layout_features=features, name_IDs=[0, 1, 2, 3, 5, 13, 14], notdef_outline=False)
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG", "vrt2"]
    font = TTFont(source, fontNumber=number, recalcTimestamp=False)
    # Else the bytes hang on whether uharfbuzz is installed.
    font.cfg["fontTools.ttLib.tables.otBase:USE_HARFBUZZ_REPACKER"] = False
    maker = subset.Subsetter(options)
    maker.populate(unicodes=characters)
    maker.subset(font)
    font.save(HERE / to)
    print(f"{to}: {len(font.getBestCmap())} characters, {(HERE / to).stat().st_size:,} bytes")


def main() -> None:
    fonts = Path(sys.argv[1]) / "usr/share/fonts"
    write(fonts / "opentype/noto/NotoSansCJK-Regular.ttc", FACE, east_asian(), [], "NotoSansCJK-Subset.otf")
    thai = set(range(0x0E01, 0x0E3B)) | set(range(0x0E3F, 0x0E5C)) | {0x25CC}
    write(fonts / "truetype/noto/NotoSansThai-Regular.ttf", -1, thai, ["*"], "NotoSansThai-Subset.ttf")


main()
