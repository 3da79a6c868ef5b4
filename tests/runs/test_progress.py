"""What a run says of itself, on a terminal and in a log."""

import io

from spline_fc.runs.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(stream, pieces, seconds):
    """A phase of so many pieces, each of so many seconds."""
    now = [0.0]
    progress = Progress(stream, clock=lambda: now[0])
    progress.phase("training", pieces)
    for piece in range(1, pieces + 1):
        now[0] += seconds
        progress.step(piece)
    progress.close()
    return stream.getvalue()


def test_a_terminal_shows_one_line_and_the_time_left():
    shown = told(Terminal(), 4, 5.0)
    assert "\n" not in shown and shown.endswith("\r\033[K")
    assert "training, 1 of 4, about 15 s left" in shown


def test_lines_of_a_log_come_at_growing_intervals():
    lines = told(io.StringIO(), 1000, 1.0).splitlines()
    assert lines[0] == "training" and not any("\r" in line for line in lines)
    at = [int(line.split(", ")[1].split()[0]) for line in lines[1:]]
    gaps = [b - a for a, b in zip(at, at[1:], strict=False)]
    assert gaps == sorted(gaps) and 5 <= len(at) <= 10


def test_work_of_an_earlier_process_does_not_shorten_the_estimate():
    now, stream = [0.0], Terminal()
    progress = Progress(stream, clock=lambda: now[0])
    progress.phase("training", total=100, done=90)
    now[0] = 10.0
    progress.step(95)
    assert "about 10 s left" in stream.getvalue()


def test_compiling_before_the_first_piece_does_not_count():
    now, stream = [0.0], Terminal()
    progress = Progress(stream, clock=lambda: now[0])
    progress.phase("training", total=100)
    now[0] = 50.0
    progress.step(0)
    now[0] = 51.0
    progress.step(10)
    assert "about 9 s left" in stream.getvalue()


def test_silence_by_default_and_words_for_times():
    Progress(None).phase("fitting")
    assert [duration(s) for s in (0.2, 89, 600, 9000)] == ["1 s", "89 s", "10 min", "2.5 h"]
