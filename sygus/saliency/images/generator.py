"""The image set `shapes`: pictures made by a seeded generator, with exact masks and boxes and no download.

A picture is a textured background, clutter that belongs to no class (soft blobs, strokes, dots), in some pictures a
clearly smaller distractor shape of another class, and one or two instances of the labelled shape, which nothing covers.

Every outline is a union or intersection of discs and half-planes, given by a signed distance; its anti-aliased coverage
of a pixel is the distance of the pixel's centre, clipped. Arrays see correctly rounded operations only
(``+ - * / sqrt floor``, no ``sin``, ``exp`` or sums of many terms), so a picture has the same bits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

SIZE = 64
"""Height and width of a picture in pixels."""

Array: TypeAlias = NDArray[np.float32]
Box: TypeAlias = tuple[int, int, int, int]

_Y, _X = (np.ascontiguousarray(axis + 0.5, dtype=np.float32) for axis in np.mgrid[:SIZE, :SIZE])  # centres of pixels
_PICTURE_STREAM, _LABEL_STREAM = 0, 1
_PLACING_TRIES = 64


@dataclass(frozen=True, slots=True)
class ShapesPicture:
    """One picture and its ground truth.

    Attributes:
        image: pixel space, float32 (3, 64, 64) in [0, 1].
        label: index into :data:`CLASSES`.
        mask: bool (64, 64), the pixels that labelled instances cover by one half or more.
        boxes: for each labelled instance the ``x1 y1 x2 y2`` of its part of the mask, in pixels, end exclusive.
    """

    image: Array
    label: int
    mask: NDArray[np.bool_]
    boxes: tuple[Box, ...]


def generate(index: int, seed: int) -> ShapesPicture:
    """The picture ``index`` of the stream ``seed``; it depends on these two numbers (both >= 0) and on nothing else.

    Classes are balanced: every eight pictures from a multiple of eight on hold each class once, in a random order.
    """
    rng = _generator(seed, _PICTURE_STREAM, index)
    label = _label(index, seed)
    shape_is_light = rng.random() < 0.65
    luminance = _uniform(rng, 0.15, 0.45) if shape_is_light else _uniform(rng, 0.55, 0.85)
    contrast = _uniform(rng, 0.3, 0.5) * (1 if shape_is_light else -1)

    image = _texture(rng, luminance, spread=0.09)
    for coverage in (_blobs(rng), _strokes(rng), _strokes(rng), _dots(rng), _dots(rng)):
        _blend(image, coverage, _colour(rng, luminance + _uniform(rng, -0.2, 0.2))[:, None, None])

    instances, distractors = _arrange(rng, label)
    mask = np.zeros((SIZE, SIZE), dtype=np.bool_)
    boxes = []
    for shape in distractors:
        _blend(image, shape.coverage(), _texture(rng, luminance + contrast, spread=0.05))
    for shape in instances:
        coverage = shape.coverage()
        _blend(image, coverage, _texture(rng, luminance + contrast, spread=0.05))
        covered = coverage >= 0.5
        mask |= covered
        boxes.append(_bounding_box(covered))

    image += 0.05 * (rng.random(image.shape, dtype=np.float32) - 0.5)
    return ShapesPicture(np.clip(image, 0.0, 1.0), label, mask, tuple(boxes))


def generate_many(indices: Iterable[int], seed: int) -> list[ShapesPicture]:
    """The pictures ``indices`` of the stream ``seed``, in the order given."""
    return [generate(index, seed) for index in indices]


# Randomness


def _generator(seed: int, stream: int, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, index))))


def _label(index: int, seed: int) -> int:
    """Entry ``index`` of a sequence of shuffled blocks, each holding every class once."""
    block, position = divmod(index, len(CLASSES))
    order = np.argsort(_generator(seed, _LABEL_STREAM, block).random(len(CLASSES)))
    return int(order[position])


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def _direction(rng: np.random.Generator) -> tuple[float, float]:
    """A random point of the unit circle, by its rational parametrisation: no sine or cosine whose last bit may vary."""
    t = _uniform(rng, -1.0, 1.0)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return sign * (1 - t * t) / (1 + t * t), sign * 2 * t / (1 + t * t)


# Outlines: signed distances, negative inside, in units in which every shape fits the unit circle


def _disc(x: Array, y: Array, radius: float, centre: tuple[float, float] = (0.0, 0.0)) -> Array:
    dx, dy = x - centre[0], y - centre[1]
    distance: Array = np.sqrt(dx * dx + dy * dy) - radius
    return distance


def _rectangle(x: Array, y: Array, half_width: float, half_height: float) -> Array:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _half_planes(x: Array, y: Array, sides: int, inradius: float) -> Array:
    """Distances (sides, h, w) to the lines through the sides of a regular polygon."""
    angles = [2 * math.pi * side / sides for side in range(sides)]
    return np.stack([x * math.cos(angle) + y * math.sin(angle) - inradius for angle in angles])


def _circle(x: Array, y: Array) -> Array:
    return _disc(x, y, 0.8)


def _square(x: Array, y: Array) -> Array:
    return _rectangle(x, y, 0.7, 0.7)


def _triangle(x: Array, y: Array) -> Array:
    distance: Array = _half_planes(x, y, sides=3, inradius=0.5).max(axis=0)
    return distance


def _star(x: Array, y: Array) -> Array:
    """A pentagram: the points inside at least four of the five half-planes of its inner pentagon."""
    distances: Array = np.partition(_half_planes(x, y, sides=5, inradius=0.309), 3, axis=0)
    distance: Array = distances[3]
    return distance


def _cross(x: Array, y: Array) -> Array:
    return np.minimum(_rectangle(x, y, 0.95, 0.29), _rectangle(x, y, 0.29, 0.95))


def _ring(x: Array, y: Array) -> Array:
    return abs(_disc(x, y, 0.72)) - 0.22


def _crescent(x: Array, y: Array) -> Array:
    return np.maximum(_disc(x, y, 0.95), -_disc(x, y, 0.75, centre=(0.5, 0.0)))


def _heart(x: Array, y: Array, half: float = 0.55) -> Array:
    """A square and, on two adjacent sides, the discs that have these sides as diameters."""
    x, y = x + half / 4, y + half / 4  # the centre of the smallest circle around it
    lobes = np.minimum(_disc(x, y, half, centre=(half, 0.0)), _disc(x, y, half, centre=(0.0, half)))
    return np.minimum(_rectangle(x, y, half, half), lobes)


_OUTLINES: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
}

CLASSES = tuple(_OUTLINES)
"""Names of the classes; a label is an index into it."""


# Shapes in the picture


class _Shape(NamedTuple):
    """A shape with its centre and the radius of the circle around it, in pixels."""

    label: int
    x: float
    y: float
    radius: float
    direction: tuple[float, float]

    def coverage(self) -> Array:
        """The part of each pixel that the shape covers, (64, 64) in [0, 1]."""
        cosine, sine = (component / self.radius for component in self.direction)
        dx, dy = _X - self.x, _Y - self.y
        distance = _OUTLINES[CLASSES[self.label]](cosine * dx + sine * dy, cosine * dy - sine * dx)
        return _antialiased(self.radius * distance)


def _arrange(rng: np.random.Generator, label: int) -> tuple[list[_Shape], list[_Shape]]:
    """Labelled instances (one, in a quarter of the pictures two) and distractors (none or one), none overlapping."""
    instances: list[_Shape] = []
    radii = [_uniform(rng, 10, 14) for _ in range(2)] if rng.random() < 0.25 else [_uniform(rng, 12, 22)]
    for radius in radii:
        instances += _place(rng, label, radius, instances)
    if rng.random() >= 0.4:
        return instances, []
    other = (label + int(rng.integers(1, len(CLASSES)))) % len(CLASSES)
    return instances, _place(rng, other, _uniform(rng, 5, 6.5), instances)


def _place(rng: np.random.Generator, label: int, radius: float, taken: list[_Shape]) -> list[_Shape]:
    """The shape at a random place inside the picture and clear of those ``taken``; empty if there is no room."""
    direction = _direction(rng)
    for _ in range(_PLACING_TRIES):
        x, y = (_uniform(rng, radius, SIZE - radius) for _ in range(2))
        if all((x - o.x) ** 2 + (y - o.y) ** 2 > (radius + o.radius) ** 2 for o in taken):
            return [_Shape(label, x, y, radius, direction)]
    return []


def _bounding_box(mask: NDArray[np.bool_]) -> Box:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _antialiased(distance: Array) -> Array:
    """Coverage of pixels whose centres have this signed distance, in pixels, to the outline."""
    coverage: Array = np.clip(0.5 - distance, 0.0, 1.0)
    return coverage


def _blend(image: Array, coverage: Array, paint: Array) -> None:
    """Paint over the image in place, where and as far as ``coverage`` says."""
    image += coverage * (paint - image)


# Clutter: the coverage of a layer of one colour


def _scattered(rng: np.random.Generator, count: int, low: float, high: float) -> tuple[Array, Array, Array]:
    """Offsets of all pixels from ``count`` random points, twice (count, 64, 64), and sizes in [low, high)."""
    x, y, size = rng.random((3, count, 1, 1), dtype=np.float32)
    return _X - SIZE * x, _Y - SIZE * y, low + (high - low) * size


def _blobs(rng: np.random.Generator) -> Array:
    """Large and soft, without an outline."""
    dx, dy, radius = _scattered(rng, int(rng.integers(1, 4)), 10, 24)
    falloff = np.maximum(1 - (dx * dx + dy * dy) / (radius * radius), 0)
    coverage: Array = 0.7 * (falloff * falloff).max(axis=0)
    return coverage


def _strokes(rng: np.random.Generator) -> Array:
    """Straight, 1 to 2 pixels wide."""
    dx, dy, length = _scattered(rng, int(rng.integers(1, 4)), 8, 36)
    cosine, sine = _direction(rng)
    along: Array = np.clip(dx * cosine + dy * sine, 0, length)
    dx, dy = dx - along * cosine, dy - along * sine
    return _antialiased((np.sqrt(dx * dx + dy * dy)).min(axis=0) - _uniform(rng, 0.5, 1.0))


def _dots(rng: np.random.Generator) -> Array:
    """Discs of a radius below 2 pixels, too small to be anything."""
    dx, dy, radius = _scattered(rng, int(rng.integers(2, 8)), 0.7, 1.8)
    return _antialiased((np.sqrt(dx * dx + dy * dy) - radius).min(axis=0))


# Colours and textures


def _colour(rng: np.random.Generator, luminance: float) -> Array:
    """A random colour (3,) of a luminance, which is clipped to [0.03, 0.97]."""
    luminance = min(max(luminance, 0.03), 0.97)
    hue, saturation = 6 * rng.random(), _uniform(rng, 0.25, 0.85)
    red, green, blue = (
        1 - saturation * max(0.0, min(k, 4 - k, 1.0)) for k in ((offset + hue) % 6 for offset in (5, 3, 1))
    )
    own = 0.299 * red + 0.587 * green + 0.114 * blue
    pure = np.array([red, green, blue], dtype=np.float32)
    if luminance <= own:
        return pure * (luminance / own)
    return pure + (1 - pure) * ((luminance - own) / (1 - own))


def _texture(rng: np.random.Generator, luminance: float, spread: float) -> Array:
    """A picture (3, 64, 64) that runs between two colours of ``luminance`` minus and plus ``spread``."""
    field = _FIELDS[int(rng.integers(len(_FIELDS)))](rng)
    low, high = (_colour(rng, luminance + sign * spread)[:, None, None] for sign in (-1, 1))
    return low + field * (high - low)


def _along(rng: np.random.Generator) -> Array:
    """The coordinate of every pixel along a random direction, from the centre, in pixels."""
    cosine, sine = _direction(rng)
    return (_X - SIZE / 2) * cosine + (_Y - SIZE / 2) * sine


def _smooth(t: Array) -> Array:
    """Smoothstep: from 0 to 1, flat at both ends."""
    return t * t * (3 - 2 * t)


def _wave(t: Array) -> Array:
    """A smooth wave of period 1 between 0 and 1."""
    return _smooth(1 - np.abs(2 * (t - np.floor(t)) - 1))


def _gradient(rng: np.random.Generator) -> Array:
    return np.clip(0.5 + _along(rng) / SIZE, 0.0, 1.0)


def _stripes(rng: np.random.Generator) -> Array:
    return _wave(_along(rng) / _uniform(rng, 6, 18) + rng.random())


def _checks(rng: np.random.Generator) -> Array:
    period = _uniform(rng, 8, 20)
    one, other = (_wave(_along(rng) / period + rng.random()) for _ in range(2))
    return one + other - 2 * one * other


def _noise(rng: np.random.Generator) -> Array:
    """Value noise: random lattices of three widths, interpolated smoothly."""
    field: Array = 0.5 * _lattice(rng, 3) + 0.3 * _lattice(rng, 7) + 0.2 * _lattice(rng, 17)
    return field


def _lattice(rng: np.random.Generator, cells: int) -> Array:
    values = rng.random((cells + 1, cells + 1), dtype=np.float32)
    position = _X[0] * (cells / SIZE)
    cell = position.astype(np.intp)
    fraction = _smooth(position - cell.astype(np.float32))
    rows: Array = values[cell] + fraction[:, None] * (values[cell + 1] - values[cell])
    left: Array = rows[:, cell]
    right: Array = rows[:, cell + 1]
    return left + fraction * (right - left)


def _marble(rng: np.random.Generator) -> Array:
    return _wave(_along(rng) / _uniform(rng, 10, 30) + 2 * _lattice(rng, 4))


_FIELDS: tuple[Callable[[np.random.Generator], Array], ...] = (_gradient, _stripes, _checks, _noise, _marble)
