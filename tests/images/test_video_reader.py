"""Reading videos through the real FFmpeg and OpenCV; and programs in their place that hang, flood or die."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from videos import (
    FFMPEG,
    MP4_HEAD,
    SIZE,
    ffmpeg,
    is_pattern,
    make_video,
    needs_ffmpeg,
    needs_opencv,
    pattern,
    posix_script,
    stand_in,
)

from yolobg.errors import UsageError
from yolobg.images import video_reader
from yolobg.images.frame_names import frame_id, frame_name
from yolobg.images.frames import FrameReader
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import identify
from yolobg.images.video_reader import Reader, _Ffmpeg, _OpenCv, open_reader
from yolobg.model import ImageRecord

READERS = [
    pytest.param(open_reader, marks=needs_ffmpeg, id="ffmpeg"),
    pytest.param(_OpenCv, marks=[needs_opencv, needs_ffmpeg, pytest.mark.slow], id="opencv"),
]
every_reader = pytest.mark.parametrize("opened", READERS)
Opened = Callable[[], Reader]


def shown(ppm: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(ppm))
    assert (picture.format, picture.mode) == ("PPM", "RGB")
    return picture


@every_reader
def test_frame__is_the_first_at_or_after_the_time(opened: Opened, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", range(12))
    reader = opened()
    assert reader.length_ms(video) == 12_000
    for ms, number in ((0, 0), (1, 1), (4_000, 4), (6_500, 7), (11_000, 11)):
        assert is_pattern(shown(reader.frame(video, ms)), number), ms
    with pytest.raises(BadImageError, match="no frame at that time"):
        reader.frame(video, 11_500)


@needs_ffmpeg
@pytest.mark.parametrize(
    "name", ["a.mkv", "a.avi", "a.webm", "a.ts", "a.mov", "a.flv", "a.wmv", "a.mpg", "a.ogv", "A.MP4"]
)
def test_frame__of_every_container(tmp_path: Path, name: str) -> None:
    codec = {".webm": "libvpx", ".ogv": "libtheora", ".mpg": "mpeg2video", ".flv": "flv"}.get(Path(name).suffix)
    rate = 25 if name == "a.mpg" else 5
    options = ("-c:v", codec, "-b:v", "2M") if codec else ()
    video = make_video(tmp_path / name, range(4 * rate), rate=rate, options=options)
    reader = open_reader()
    assert abs(reader.length_ms(video) - 4_000) <= 1_000
    assert is_pattern(shown(reader.frame(video, 2_400)), 2_400 * rate // 1_000)


@every_reader
@pytest.mark.parametrize(
    "name", ["with space.mp4", "ünï 視頻.mp4", "-dash.mp4", "%03d.mp4", "a'b$(x).mp4", "http:x.mp4", "a#t=1.mp4"]
)
def test_frame__whatever_the_file_is_called(opened: Opened, tmp_path: Path, name: str) -> None:
    # A colon there begins the name of a stream of the file.
    if sys.platform == "win32" and ":" in name:
        pytest.skip("no such name on Windows")
    plain = make_video(tmp_path / "plain.mp4", range(3))
    video = plain.rename(tmp_path / name)
    reader = opened()
    assert reader.length_ms(video) == 3_000
    assert is_pattern(shown(reader.frame(video, 1_000)), 1)


@every_reader
def test_frame__with_a_variable_rate_is_that_of_the_time(opened: Opened, tmp_path: Path) -> None:
    """The first two seconds have a frame each, the third eight, and the fourth is shown for six seconds."""
    shots = [(0, 1_000), (1, 1_000), *((2 + n, 125) for n in range(8)), (10, 6_000)]
    lines = ["ffconcat version 1.0"]
    for number, length_ms in shots:
        pattern_file = tmp_path / f"{number}.png"
        pattern(number).save(pattern_file)
        lines += [f"file {pattern_file.name}", f"duration {length_ms / 1000}"]
    (tmp_path / "list.txt").write_text("\n".join([*lines, f"file {shots[-1][0]}.png", ""]))
    video = tmp_path / "a.mp4"
    ffmpeg("-i", str(tmp_path / "list.txt"), "-vsync", "vfr", "-c:v", "mpeg4", "-q:v", "2", str(video))
    reader = opened()
    for ms, number in ((0, 0), (1_000, 1), (2_000, 2), (2_500, 6), (2_800, 9), (3_000, 10)):
        assert is_pattern(shown(reader.frame(video, ms)), number), ms


@every_reader
def test_frame__of_a_turned_phone_is_upright(opened: Opened, tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.mp4", range(3))
    video = tmp_path / "turned.mp4"
    ffmpeg("-i", str(plain), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(video))
    picture = shown(opened().frame(video, 1_000))
    assert picture.size == (SIZE[1], SIZE[0])
    assert is_pattern(picture.transpose(Image.Transpose.ROTATE_90), 1) or is_pattern(
        picture.transpose(Image.Transpose.ROTATE_270), 1
    )


def sound_only(video: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", str(video))


def sound_with_cover(video: Path) -> None:
    Image.new("RGB", SIZE, "red").save(video.with_suffix(".jpg"))
    ffmpeg(
        *("-f", "lavfi", "-i", "sine=duration=2", "-i", str(video.with_suffix(".jpg")), "-map", "0", "-map", "1"),
        *("-c:a", "aac", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic", str(video)),
    )


def cut_off(video: Path) -> None:
    make_video(video, range(30))
    video.write_bytes(video.read_bytes()[:20_000])


def head_alone(video: Path) -> None:
    video.write_bytes(MP4_HEAD)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (sound_only, "sound only"),
        (sound_with_cover, "sound only"),
        (cut_off, "cannot read"),
        (head_alone, "cannot read"),
    ],
)
def test_length__of_what_shows_nothing(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    make(tmp_path / "a.mp4")
    with pytest.raises(BadImageError, match=why):
        open_reader().length_ms(tmp_path / "a.mp4")


@needs_opencv
@needs_ffmpeg
@pytest.mark.parametrize("make", [sound_only, cut_off, head_alone])
def test_length__of_what_shows_nothing_through_opencv(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.mp4")
    with pytest.raises(BadImageError, match="OpenCV cannot read it"):
        _OpenCv().length_ms(tmp_path / "a.mp4")


@needs_ffmpeg
def test_length__that_is_not_recorded_is_counted(tmp_path: Path) -> None:
    """As browsers record: nobody goes back to the beginning of the file to write it down."""
    video = tmp_path / "a.webm"
    plain = make_video(tmp_path / "plain.mkv", range(5), options=("-c:v", "libvpx"))
    os.system(f"'{FFMPEG}' -loglevel error -i '{plain}' -c copy -f webm -live 1 - > '{video}'")
    assert abs(open_reader().length_ms(video) - 5_000) <= 1_000


@needs_ffmpeg
def test_frame__of_a_cut_off_stream_until_it_ends(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.ts", range(30))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    reader = open_reader()
    assert is_pattern(shown(reader.frame(video, 0)), 0)
    with pytest.raises(BadImageError):
        reader.frame(video, 29_000)


# ---------------------------------------------------------------- programs that misbehave


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """What looks like a video to one who does not decode it."""
    (tmp_path / "a.mp4").write_bytes(MP4_HEAD)
    return tmp_path / "a.mp4"


def misbehaving(tmp_path: Path, body: str) -> _Ffmpeg:
    return _Ffmpeg(str(stand_in(tmp_path / "bin", body) / "ffmpeg"))


# The program sleeps far longer than the test may take: it must be ended, not waited for.
@posix_script
def test_hanging__is_ended_in_time(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = misbehaving(tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")
    monkeypatch.setattr(video_reader, "FRAME_S", 1.0)
    with pytest.raises(BadImageError, match="not answered"):
        reader.frame(video, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


FAULTS = {
    "killed": ("os.kill(os.getpid(), 9)", "no frame at that time: exit status -9"),
    "killed within a frame": (
        "sys.stdout.write('P6\\n99 99\\n255\\n'); sys.stdout.flush(); os.kill(os.getpid(), 9)",
        "-9",
    ),
    "says why": ("sys.exit('Invalid data found')", "Invalid data found"),
    "gives nothing": ("", "there is none"),
    "gives something else": ("sys.stdout.write('<html>')", "there is none"),
    "floods": ("while True: sys.stdout.write('P6' * 100000)", "more than the"),
    "talks much": ("sys.stderr.write('x' * (1 << 22)); sys.exit('the end')", "the end"),
}


@posix_script
@pytest.mark.parametrize("fault", FAULTS)
def test_fault__is_a_reason(tmp_path: Path, video: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, why = FAULTS[fault]
    monkeypatch.setattr(video_reader, "_LIMIT_BYTES", 1 << 20)
    with pytest.raises(BadImageError, match=why):
        misbehaving(tmp_path, body).frame(video, 0)


@posix_script
def test_command__gives_local_files_alone_to_one_reader(tmp_path: Path, video: Path) -> None:
    reader = misbehaving(tmp_path, f"open({str(tmp_path / 'said')!r}, 'w').write('\\0'.join(sys.argv[1:]))")
    with pytest.raises(BadImageError):
        reader.frame(video, 12_500)
    said = (tmp_path / "said").read_text().split("\0")
    before = said[: said.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file"
    assert before[before.index("-f") + 1] == "mov"
    assert before[before.index("-ss") + 1] == "12.500", "seeks, and does not decode all before"
    assert said[said.index("-i") + 1] == f"file:{video}"


# As above, the program must be ended, not waited for.
@posix_script
def test_close__ends_what_is_under_way(tmp_path: Path, video: Path) -> None:
    reader = misbehaving(tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")
    ended: list[BaseException] = []

    def read() -> None:
        try:
            reader.frame(video, 0)
        except BadImageError as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)  # lets the program start; pytest's timeout ends a hang
    reader.close()
    thread.join()
    assert len(ended) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    with pytest.raises(UsageError):
        reader.frame(video, 0)


@posix_script
def test_close__before_the_first_frame_starts_no_program(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand_in(tmp_path / "bin", f"open({str(tmp_path / 'began')!r}, 'w')")))
    frames = FrameReader()
    frames.close()
    record = ImageRecord(frame_id(identify(video), 0), frame_name(video.name, 0), 0, 0)
    with pytest.raises(UsageError):
        frames.read(record, video)
    assert not (tmp_path / "began").exists()


def test_open__says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"apt install ffmpeg.*pip install opencv-python-headless"):
        open_reader()


def test_open__a_program_that_cannot_be_started(tmp_path: Path, video: Path) -> None:
    with pytest.raises(UsageError, match="cannot be started"):
        _Ffmpeg(str(tmp_path / "no-such-program")).frame(video, 0)


@needs_opencv
def test_opencv__gives_the_same_frames(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", range(12))
    assert is_pattern(shown(_OpenCv().frame(video, 6_500)), 7)


@needs_opencv
def test_opencv__is_not_loaded_into_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    assert open_reader().name == "OpenCV"
    assert "cv2" not in sys.modules
