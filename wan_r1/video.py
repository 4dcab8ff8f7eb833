"""Read, write, resize and subsample videos [T, H, W, 3] uint8 and pictures [H, W, 3] uint8."""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path as FilePath

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from wan_r1.errors import VideoError
from wan_r1.files import write_whole

__all__ = [
    "VIDEO_SUFFIXES",
    "check_fps",
    "check_num_frames",
    "check_video",
    "encode_video",
    "iterate_frames",
    "read_image",
    "read_parts",
    "read_video",
    "resize_video",
    "subsample",
    "write_image",
    "write_video",
]

VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi")
"""Endings of files in a folder that count as videos, in lower case; how a file's is written does not matter."""

DEFAULT_FPS = 24
DEFAULT_CRF = 18
ROUNDING_FRAMES = 2  # by which the duration of a whole file may differ from that of its frames
MAX_FPS_DENOMINATOR = 1001  # that of 24000/1001 and 30000/1001; larger ones do not fit into a file
PART_FRAMES = 32
PART_BYTES = 24 << 20  # 7 frames of 1024 x 1024 px: memory stays small, and calls few

Video = NDArray[np.uint8]


def check_video(video: Video, name: str = "video") -> None:
    """Raise VideoError unless `video` is [T, H, W, 3] uint8 with at least one frame and one pixel."""
    if not isinstance(video, np.ndarray):
        raise VideoError(f"{name}: must be an array [T, H, W, 3] uint8; got {type(video).__name__}")
    if video.ndim != 4 or video.shape[3] != 3 or video.dtype != np.uint8 or 0 in video.shape:
        raise VideoError(f"{name}: must be [T, H, W, 3] uint8 with T, H, W >= 1; got {video.shape} {video.dtype}")


def check_num_frames(num_frames: int, name: str = "num_frames") -> None:
    """Raise VideoError unless the frame count is 4n + 1, which Wan's causal video autoencoder needs."""
    if num_frames < 1 or num_frames % 4 != 1:
        below = max(1, (num_frames - 1) // 4 * 4 + 1)
        raise VideoError(f"{name}: {num_frames} frames; Wan needs 4n + 1, for example {below} or {below + 4}")


def check_fps(fps: float) -> Fraction:
    """The rate as a file holds it, for example 24 or 23.976; VideoError unless it is a number above 0 that fits."""
    rate = Fraction(fps).limit_denominator(MAX_FPS_DENOMINATOR) if math.isfinite(fps) else Fraction(0)
    if rate <= 0 or rate.numerator >= 1 << 31:
        raise VideoError(f"fps: {fps}; must be a number of frames per second above 0, such as 24 or 23.976")
    return rate


def read_video(path: str | FilePath) -> Video:
    """All frames of a video file, [T, H, W, 3] uint8 RGB.

    Of a file that says neither how many frames it has nor how long it lasts (a live recording, an MP4 in fragments
    that ends with one of them), nothing tells whether it is whole.

    Raises:
        VideoError: the file is missing, empty, truncated, corrupt or holds no video.
    """
    return np.stack([frame for _, frame in iterate_frames(path)])


def read_parts(path: str | FilePath) -> Iterator[Video]:
    """The frames of a video file in parts [t, H, W, 3] uint8, for videos of any length; errors as `read_video`."""
    part: list[Video] = []
    for _, frame in iterate_frames(path):
        part.append(frame)
        if len(part) == PART_FRAMES or len(part) * frame.nbytes >= PART_BYTES:
            yield np.stack(part)
            part = []
    if part:
        yield np.stack(part)


def iterate_frames(path: str | FilePath, every: int = 1) -> Iterator[tuple[int, Video]]:
    """(index, frame [H, W, 3] uint8) of frames 0, every, 2 every, ...; errors as `read_video`, when they are met."""
    path = FilePath(path)
    count, hidden, end_s, shape = 0, 0, 0.0, None
    try:
        if not path.is_file():
            raise VideoError(f"{path}: {'a folder' if path.is_dir() else 'no such video file'}")
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path}: holds no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            converter = VideoReformatter()  # one for all frames: its set-up costs more than the conversion
            for packet in container.demux(stream, *container.streams.audio):
                if packet.pts is not None:
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream.index != stream.index:
                    continue
                hidden += packet.is_discard  # cut off by the file's edit list, but still in it
                for picture in packet.decode():
                    if (shape or (picture.height, picture.width)) != (picture.height, picture.width):
                        raise VideoError(f"{path}: the frame size changes inside the video")
                    shape = (picture.height, picture.width)
                    if count % every == 0:
                        frame = converter.reformat(picture, format="rgb24").to_ndarray()
                        yield count, np.asarray(frame, dtype=np.uint8)
                    count += 1
            promised = stream.frames - hidden if stream.frames else _promised_by_time(container, count, end_s)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path}: not a readable video ({error})") from error
    if not count:
        raise VideoError(f"{path}: no frames could be decoded")
    if count < promised:
        raise VideoError(f"{path}: truncated, {count} of {promised} frames could be decoded")


def _promised_by_time(container: InputContainer, count: int, end_s: float) -> int:
    """Frames of a file that tells its duration alone, as Matroska does; `count` if it goes on to about its end.

    Sound may last longer than the pictures, and frames longer than the mean, so the last packet's end counts as well.
    """
    rate = container.streams.video[0].average_rate
    if container.duration is None or not rate:
        return count
    rest_s = container.duration / av.time_base - max(end_s, count / rate)
    lacking = int(rest_s * rate)
    return count + lacking if lacking > ROUNDING_FRAMES else count


def encode_video(video: Video, fps: float = DEFAULT_FPS, crf: int = DEFAULT_CRF) -> bytes:
    """The bytes of an MP4 file (H.264). `crf=0` is lossless RGB; otherwise 4:2:0, odd sizes padded by a pixel."""
    check_video(video)
    rate = check_fps(fps)
    lossless = crf == 0
    if not lossless:
        video = np.pad(video, ((0, 0), (0, video.shape[1] % 2), (0, video.shape[2] % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264rgb" if lossless else "libx264", rate=rate)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "rgb24" if lossless else "yuv420p"
        # With mbtree, x264 gives different bytes for the same video from call to call on processors with AVX-512.
        stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
        stream.thread_type = "NONE"
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def write_video(path: str | FilePath, video: Video, fps: float = DEFAULT_FPS, crf: int = DEFAULT_CRF) -> None:
    """Write a video as MP4, whole or not at all."""
    _write(FilePath(path), encode_video(video, fps, crf))


def read_image(path: str | FilePath) -> Video:
    """A picture as [H, W, 3] uint8 RGB; VideoError if it cannot be read."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise VideoError(f"{path}: not a readable picture ({error})") from error


def write_image(path: str | FilePath, image: Video) -> None:
    """Write a picture [H, W, 3] uint8 as PNG, whole or not at all."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise VideoError(f"{path}: a picture must be [H, W, 3] uint8; got {image.shape} {image.dtype}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    _write(FilePath(path), buffer.getvalue())


def _write(path: FilePath, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise VideoError(f"{path}: cannot be written ({error})") from error


def resize_video(video: Video, height: int, width: int) -> Video:
    """Video [T, H, W, 3] at another size: area averaging when shrinking, linear when growing."""
    check_video(video)
    if video.shape[1:3] == (height, width):
        return video
    smaller = height * width < video.shape[1] * video.shape[2]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (width, height), interpolation=method) for frame in video])


def subsample(video: Video, num_frames: int) -> Video:
    """`num_frames` frames, evenly spaced, the first and the last kept; 1 gives the first alone. VideoError below 1."""
    check_video(video)
    if num_frames < 1:
        raise VideoError(f"num_frames: {num_frames}; must be at least 1")
    chosen: Video = video[np.linspace(0, len(video) - 1, num_frames).round().astype(int)]
    return chosen
