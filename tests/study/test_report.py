"""The pictures of a study."""

from pinnkan.study.report import StudyReport


def test_a_legend_outside_stands_beside_the_panels_and_labels_are_whole(tmp_path):
    """It had stood on the third panel, and the labels below the panels were cut."""
    with StudyReport("A", tmp_path).figure("lines", "Lines.", 9.0, 3.0) as drawing:
        panels = drawing.subplots(1, 2)
        panels[1].plot([1, 2], [3, 4], label="a long name of a network")
        panels[1].set(xlabel="t")
        legend = drawing.legend(*panels[1].get_legend_handles_labels(), loc="outside right upper")
    assert panels[1].get_window_extent().x1 < legend.get_window_extent().x0
    assert panels[1].xaxis.label.get_window_extent().y0 >= 0.0
