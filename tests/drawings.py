"""What several tests of figures look for in them."""

import json
from itertools import pairwise

from matplotlib.text import Text

from lthlib.book.style import style

FIGURES = ("figure1_lenet", "figure4a", "figure4b", "figure4c")
CONV = ("conv2", "conv4", "conv6")
CONV_FIGURES = ("figure5", "random_sparsity")


def drawn(ax, gid):
    """What an axes holds under this name."""
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def both(shown):
    return [("wide", shown.fig), ("narrow", shown.narrow)]


def setting(rows, **changes):
    """Rows whose experiment has these settings."""
    return rows.assign(spec=json.dumps({**json.loads(rows["spec"].iloc[0]), **changes}))


def all_inside(shown):
    for layout, fig in both(shown):
        with style():
            fig.draw_without_rendering()  # lays it out
        inside = fig.bbox
        texts = [
            t for ax in fig.axes for t in (*ax.get_children(), ax.xaxis.label, ax.yaxis.label) if isinstance(t, Text)
        ]
        boxes = [t.get_window_extent() for t in texts if t.get_text()]
        boxes += [legend.get_window_extent() for legend in fig.legends]
        for ax in fig.axes:
            right = max(ax.bbox.x0, ax.bbox.x1) + 1  # matplotlib keeps a tick beyond the axis, and does not draw it
            ticks = [tick.label1 for tick in ax.xaxis.get_major_ticks() if tick.label1.get_text()]
            labels = [
                t.get_window_extent() for t in ticks if ax.transData.transform((t.get_position()[0], 1))[0] < right
            ]
            assert len(labels) >= 4
            labels.sort(key=lambda box: box.x0)  # an axis may run from right to left
            assert all(a.x1 < b.x0 for a, b in pairwise(labels)), (layout, "tick labels touch")
            boxes += labels
        for box in boxes:
            assert box.x0 >= inside.x0 - 1, layout
            assert box.x1 <= inside.x1 + 1, layout
            assert box.y0 >= inside.y0 - 1, layout
            assert box.y1 <= inside.y1 + 1, layout
