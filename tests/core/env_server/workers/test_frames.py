from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from openenv.core.env_server.workers.frames import FrameReader, frame, read_frame

_WORDS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=10)
_FRAMES = st.lists(st.tuples(_WORDS, st.binary(max_size=50)), max_size=5)


@given(_FRAMES, st.lists(st.integers(1, 20)))
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames: list[tuple[str, bytes]], cuts: list[int]) -> None:
    sent = b"".join(frame(word, data) for word, data in frames)
    reader, received, start = FrameReader(), [], 0
    for length in [*cuts, len(sent)]:
        received += reader.feed(sent[start : start + length])
        start += length
    assert received == frames


@given(_FRAMES, st.integers(0, 200))
def test_a_stream_that_is_cut_ends_after_its_last_whole_frame(frames: list[tuple[str, bytes]], length: int) -> None:
    sent = [frame(word, data) for word, data in frames]
    stream = io.BytesIO(b"".join(sent)[:length])
    received = []
    while (taken := read_frame(stream)) is not None:
        received.append(taken)
    whole = [n for n in range(len(sent) + 1) if sum(map(len, sent[:n])) <= length]
    assert received == frames[: max(whole)]
