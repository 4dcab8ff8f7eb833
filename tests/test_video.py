import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from wan_r1.errors import VideoError
from wan_r1.video import (
    check_num_frames,
    check_video,
    encode_video,
    read_image,
    read_video,
    resize_video,
    subsample,
    write_image,
    write_video,
)


def moving_square(num_frames: int = 9, height: int = 48, width: int = 64) -> np.ndarray:
    """A red square that moves to the right over grey."""
    video = np.full((num_frames, height, width, 3), 120, dtype=np.uint8)
    for frame in range(num_frames):
        video[frame, 16:32, 2 * frame : 2 * frame + 16] = (220, 40, 40)
    return video


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_a_video_comes_back_nearly_as_it_was(tmp_path):
    video = moving_square()
    write_video(tmp_path / "a.mp4", video)
    found = read_video(tmp_path / "a.mp4")
    assert found.shape == video.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - video).mean() < 3


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (1, 1)])
def test_crf_0_keeps_every_pixel(tmp_path, height, width):
    video = noise(5, height, width)
    write_video(tmp_path / "a.mp4", video, crf=0)
    np.testing.assert_array_equal(read_video(tmp_path / "a.mp4"), video)


def test_odd_sides_get_one_more_pixel(tmp_path):
    video = moving_square(5, 47, 63)
    write_video(tmp_path / "a.mp4", video)
    found = read_video(tmp_path / "a.mp4")
    assert found.shape == (5, 48, 64, 3)
    assert np.abs(found[:, :47, :63].astype(int) - video).mean() < 3


def test_the_same_video_gives_the_same_bytes():
    assert len({encode_video(moving_square(9, 64, 64)) for _ in range(30)}) == 1


@pytest.mark.parametrize("fps", [8, 24])
def test_the_file_tells_its_rate(tmp_path, fps):
    write_video(tmp_path / "a.mp4", moving_square(), fps=fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(fps)


def with_index_first(path: Path, video: np.ndarray) -> None:
    """A file whose frames can be found even when its end is missing."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=8)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(VideoError, match=r"gone\.mp4: no such video file"):
        read_video(tmp_path / "gone.mp4")


@pytest.mark.parametrize("content", [b"", b"not a video", bytes(5000), b"\x00\x00\x00\x18ftypmp42" + bytes(200)])
def test_a_file_that_is_no_video_is_named(tmp_path, content):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        read_video(tmp_path / "bad.mp4")


def test_a_picture_is_no_video_of_many_frames(tmp_path):
    write_image(tmp_path / "a.png", noise(8, 8))
    assert read_video(tmp_path / "a.png").shape == (1, 8, 8, 3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("write", [write_video, with_index_first])
def test_a_truncated_video_is_named(tmp_path, write, share):
    path = tmp_path / "cut.mp4"
    write(path, noise(9, 48, 64))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        read_video(path)


def write_matroska(path: Path, video: np.ndarray, live: bool = False) -> None:
    """A file that tells its duration, unless it is live, and never how many frames it has."""
    with av.open(str(path), "w", format="matroska", options={"live": "1"} if live else {}) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width, stream.pix_fmt = video.shape[1], video.shape[2], "yuv420p"
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("num_frames", [1, 50])
def test_a_file_that_tells_its_duration_alone_is_read_when_whole_and_refused_when_cut(tmp_path, num_frames):
    path = tmp_path / "cut.mkv"
    write_matroska(path, noise(num_frames, 48, 64))
    assert len(read_video(path)) == num_frames
    path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    with pytest.raises(VideoError, match=r"truncated, \d+ of 50 frames" if num_frames > 1 else r"cut\.mkv"):
        read_video(path)


def test_of_a_live_recording_nothing_tells_whether_it_is_whole(tmp_path):
    write_matroska(tmp_path / "live.mkv", noise(50, 48, 64), live=True)
    data = (tmp_path / "live.mkv").read_bytes()
    (tmp_path / "live.mkv").write_bytes(data[: int(0.8 * len(data))])
    assert 30 < len(read_video(tmp_path / "live.mkv")) < 50


def test_flipped_bytes_give_a_video_or_a_video_error(tmp_path):
    whole, rng = encode_video(noise(5, 32, 32)), np.random.default_rng(1)
    path = tmp_path / "flipped.mp4"
    for _ in range(40):
        data = bytearray(whole)
        for position in rng.integers(len(data), size=8):
            data[position] = rng.integers(256)
        path.write_bytes(data)
        with suppress(VideoError):
            check_video(read_video(path))


def test_a_sound_file_holds_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        samples = np.zeros((1, 1024), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match=r"sound\.mp4: holds no video stream"):
        read_video(tmp_path / "sound.mp4")


@pytest.mark.parametrize(
    "video",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3)),
        np.zeros((1, 4, 4, 4), np.uint8),
    ],
)
def test_arrays_that_are_no_video_are_refused(video):
    with pytest.raises(VideoError, match=r"\[T, H, W, 3\] uint8"):
        encode_video(video)


@pytest.mark.parametrize("num_frames", [1, 5, 17, 81])
def test_4n_plus_1_frames_are_accepted(num_frames):
    check_num_frames(num_frames)


@pytest.mark.parametrize(
    ("num_frames", "below", "above"), [(80, 77, 81), (16, 13, 17), (4, 1, 5), (0, 1, 5), (-3, 1, 5)]
)
def test_other_frame_counts_name_their_neighbours(num_frames, below, above):
    with pytest.raises(
        VideoError, match=rf"a.toml: {num_frames} frames; Wan needs 4n \+ 1, for example {below} or {above}"
    ):
        check_num_frames(num_frames, "a.toml")


FULL_DISK = """
import resource, signal, sys
import numpy as np
from wan_r1.errors import VideoError
from wan_r1.video import write_image, write_video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
for write, name, value in ((write_video, "a.mp4", picture[None].repeat(5, axis=0)), (write_image, "a.png", picture)):
    try:
        write(sys.argv[1] + "/" + name, value)
    except VideoError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_earlier_files(tmp_path):
    write_video(tmp_path / "a.mp4", moving_square())
    write_image(tmp_path / "a.png", noise(8, 8))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == ["cannot be written ([Errno 27] File too large)"] * 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VideoError, match=r"file/a\.mp4: cannot be written"):
        write_video(tmp_path / "file" / "a.mp4", moving_square())


def test_folders_on_the_way_are_made(tmp_path):
    write_image(tmp_path / "deep" / "er" / "a.png", noise(4, 4))
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "er" / "a.png"), noise(4, 4))


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_a_picture_that_cannot_be_read_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(VideoError, match=r"bad\.png: not a readable picture"):
        read_image(tmp_path / "bad.png")


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_arrays_that_are_no_picture_are_refused(tmp_path, image):
    with pytest.raises(VideoError, match=r"\[H, W, 3\] uint8"):
        write_image(tmp_path / "a.png", image)


def test_resizing_keeps_flat_colours_and_the_number_of_frames():
    video = np.full((3, 30, 40, 3), 77, dtype=np.uint8)
    for height, width in ((15, 20), (60, 80), (30, 41)):
        found = resize_video(video, height, width)
        assert found.shape == (3, height, width, 3)
        assert set(np.unique(found)) == {77}


def test_halving_a_video_averages_blocks_of_four_pixels():
    video = noise(2, 8, 6)
    expected = video.reshape(2, 4, 2, 3, 2, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(resize_video(video, 4, 3) - expected).max() <= 0.5


def test_subsampling_keeps_the_ends_and_spreads_evenly():
    video = np.arange(81, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    assert subsample(video, 5)[:, 0, 0, 0].tolist() == [0, 20, 40, 60, 80]
    assert subsample(video, 81)[:, 0, 0, 0].tolist() == list(range(81))
    assert subsample(video[:2], 5)[[0, -1], 0, 0, 0].tolist() == [0, 1]


def test_frames_that_the_edit_list_cuts_off_are_not_missing(tmp_path):
    write_video(tmp_path / "whole.mp4", noise(12, 48, 64))
    with av.open(str(tmp_path / "whole.mp4")) as whole, av.open(str(tmp_path / "cut.mp4"), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        packets = [packet for packet in whole.demux(video=0) if packet.dts is not None]
        begin = sorted(packet.pts for packet in packets)[4]
        for packet in packets:
            packet.pts, packet.dts, packet.stream = packet.pts - begin, packet.dts - begin, stream
            cut.mux(packet)
    assert len(read_video(tmp_path / "cut.mp4")) == 8


@pytest.mark.parametrize(
    ("fps", "rate"), [(23.976, Fraction(2997, 125)), (24000 / 1001, Fraction(24000, 1001)), (12.5, Fraction(25, 2))]
)
def test_rates_need_not_be_whole(tmp_path, fps, rate):
    write_video(tmp_path / "a.mp4", moving_square(), fps=fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert abs(container.streams.video[0].average_rate / rate - 1) < 1e-4
    assert len(read_video(tmp_path / "a.mp4")) == 9


@pytest.mark.parametrize("fps", [0, -24, 1e-9, 1e30, float("nan"), float("inf")])
def test_what_is_no_rate_is_refused(fps):
    with pytest.raises(VideoError, match=r"fps: .*above 0"):
        encode_video(moving_square(), fps=fps)


@pytest.mark.parametrize("num_frames", [0, -3])
def test_fewer_than_one_frame_cannot_be_chosen(num_frames):
    with pytest.raises(VideoError, match=f"num_frames: {num_frames}; must be at least 1"):
        subsample(moving_square(), num_frames)


def test_one_chosen_frame_is_the_first():
    assert (subsample(moving_square(), 1) == moving_square()[:1]).all()
