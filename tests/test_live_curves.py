"The figure of curves: what it reads off and what its axes say."

import math
from javascript import needs_node, run_figure


def run_js(folder, code, data):
    return run_figure(folder, "curves", code, data)


@needs_node
def test_a_curve_that_leaves_the_axes_is_not_flattened(tmp_path):
    "Above the upper end it goes on rising (the drawing cuts it off); it does not run along the end."
    data = dict(x=[0, 1, 2], ylim=[0, 4], y=[2, 4, 8])
    code = """
const { toY } = axes({ x: input.x, curves: [{ y: input.y }], ylim: input.ylim });
out.straight = input.y.map(toY);
const log = axes({ x: input.x, curves: [{ y: input.y }], ylim: [1, 4], yscale: "log" });
out.log = input.y.map(log.toY);
"""
    out = run_js(tmp_path, code, data)
    low, end, beyond = out["straight"]
    assert math.isclose(end - beyond, 2 * (low - end), rel_tol=1e-9)
    low, end, beyond = out["log"]
    assert math.isclose(end - beyond, low - end, rel_tol=1e-9)


@needs_node
def test_values_beside_the_axes(tmp_path):
    values = [0, 0.5, 1000, 1e4, 1e-7, 20000, -10]
    said = run_js(tmp_path, "out.said = input.map(tick);", values)["said"]
    assert said == ["0", "0.5", "1000", "10⁴", "10⁻⁷", "20000", "−10"]
