#!/usr/bin/env python3
"""Writes kinds/: one small picture in each of the kinds in which photographs come. Needs Pillow.

The left half is (200, 100, 30) and the right half (40, 60, 220), 16 x 8 pixels; `turned.jpg` is stored 8 x 16 and has an
EXIF orientation that turns it back. The grey ones hold the brightness of these.
"""
import pathlib

from PIL import Image

folder = pathlib.Path(__file__).parent / 'kinds'
picture = Image.new('RGB', (16, 8), (200, 100, 30))
picture.paste((40, 60, 220), (8, 0, 16, 8))
gray = picture.convert('L')
orientation = Image.Exif()
orientation[0x0112] = 6  # to be turned by 90 degrees, clockwise

picture.save(folder / 'baseline.jpg', quality=95, subsampling=0)
picture.save(folder / 'progressive.jpg', quality=95, subsampling=0, progressive=True)
picture.transpose(Image.Transpose.ROTATE_90).save(folder / 'turned.jpg', quality=95, subsampling=0, exif=orientation)
picture.convert('CMYK').save(folder / 'cmyk.jpg', quality=95)
gray.save(folder / 'gray.jpg', quality=95)
gray.save(folder / 'gray.png')
gray.point(lambda v: v * 257, 'I').convert('I;16').save(folder / 'gray16.png')
picture.convert('RGBA').save(folder / 'alpha.png')
picture.quantize(2).save(folder / 'palette.png')
picture.save(folder / 'plain.bmp')
