"""The colours of reports and figures: Okabe and Ito's, which people with any colour vision tell
apart, and greys. Source: Okabe and Ito, Color Universal Design, 2008.
"""

# Parts of a stage's time, of a GPU's memory, and of how costs are known.
COLOURS = {
    "compute": "#0072b2",
    "collective": "#56b4e9",
    "idle: imbalance": "#d55e00",
    "idle: fill and drain": "#e69f00",
    "idle: transfer": "#cc79a7",
    "idle: host": "#009e73",
    "idle: no work": "#d9d9d9",
    "idle: down": "#000000",
    "weights": "#0072b2",
    "activations": "#e69f00",
    "engine's reserve": "#999999",
    "room for KV": "#56b4e9",
    "not used": "#eeeeee",
    "measured": "#0072b2",
    "interpolated": "#56b4e9",
    "extrapolated": "#e69f00",
    "estimated": "#d9d9d9",
}

# Series of a chart, in order; page/page.js has the same. Yellow, which white drowns, is left out.
LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]
