"use strict";
/*
 * The charts of a report. The data is a list of
 *
 *   {id, title, x: {label, unit, log}, series: [name], points: bool, views: [view]}   lines;
 *     {scatter: true}: points without lines between them; {hollow: [[x]]}: of each series, the
 *     points that are drawn as rings
 *     view: {name, unit, log, signed, rows: [[x, y of each series]], bounds: [{at, label, unit}]};
 *       of y, null: the series has no point there; NaN: its line has a gap;
 *       a view starts at 0 unless it is signed; a bound is in seconds unless it says otherwise
 *   {id, gantt: [...]}                                                           see gantt.js
 *
 * Hover shows values; dragging zooms in, a double click zooms out; a click on a
 * series hides or shows it; several views of a chart have a menu.
 */

/* Okabe and Ito's colours but for yellow, which white drowns; dashes tell further rounds apart. */
const LINE_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
const DASHES = [null, [7, 4], [2, 3], [9, 3, 2, 3]];

const lineColour = (index) => LINE_COLOURS[index % LINE_COLOURS.length];
const lineDash = (index) => DASHES[Math.floor(index / LINE_COLOURS.length) % DASHES.length];

/* A number at three significant digits, or more, with its unit where it is a time. */
function show(value, unit, digits = 3) {
  if (value === null || value === undefined || !isFinite(value)) return "–";
  if (unit === "s" && value !== 0 && Math.abs(value) < 1) {
    const [factor, name] = Math.abs(value) < 1e-3 ? [1e6, "µs"] : [1e3, "ms"];
    return `${Number((value * factor).toPrecision(digits))} ${name}`;
  }
  const rounded = Math.abs(value) >= 10 ** (digits - 1) ? value.toFixed(0)
    : value.toPrecision(digits);
  const text = Number(rounded).toLocaleString("en", { maximumFractionDigits: 20 });
  return unit ? `${text}${unit === "%" ? "" : " "}${unit}` : text;
}

const tip = document.getElementById("tip");

function showTip(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
  const below = event.clientY + 18;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below + box.height < innerHeight ? below : event.clientY - box.height - 12}px`;
}

function hideTip() {
  tip.hidden = true;
}

/* A new element with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/* A sample of a series' line. */
function swatch(index) {
  const dash = (lineDash(index) || []).join(" ");
  const holder = element("span");
  holder.innerHTML = `<svg width="22" height="4" aria-hidden="true"><line x1="0" x2="22" y1="2"
    y2="2" stroke="${lineColour(index)}" stroke-width="3" stroke-dasharray="${dash}"/></svg>`;
  return holder.firstChild;
}

/* The curves in pixels: a pair of points for each piece of a line. */
function curvePieces(graph) {
  const pieces = [];
  for (let column = 1; column < graph.numColumns(); column++) {
    let last = null;
    for (let row = 0; row < graph.numRows(); row++) {
      if (graph.getValue(row, column) === null) continue;
      const point = graph.toDomCoords(graph.getValue(row, 0), graph.getValue(row, column));
      if (last) pieces.push([last, point]);
      last = point;
    }
  }
  return pieces;
}

/* Whether a piece of a line crosses the box. */
function crosses([[x0, y0], [x1, y1]], { left, right, top, bottom }) {
  const heightAt = (x) => y0 + (y1 - y0) * (x1 > x0 ? (x - x0) / (x1 - x0) : 0);
  const [from, to] = [Math.max(x0, left), Math.min(x1, right)];
  const [high, low] = [heightAt(from), heightAt(to)].sort((a, b) => a - b);
  return from <= to && high < bottom && low > top;
}

/* Where words on a bound at `y` are crossed by no curve: above it, else below, as far left as can
   be; at its start above where they are nowhere. The left end of their line. */
function clearPlace(graph, area, y, width) {
  const pieces = curvePieces(graph);
  const first = area.x + 6;
  for (const line of [y - 5, y + 14]) {
    for (let left = first; left + width < area.x + area.w; left += 6) {
      const box = { left, right: left + width, top: line - 12, bottom: line + 4 };
      if (!pieces.some((piece) => crosses(piece, box))) return [left, line];
    }
  }
  return [first, y - 5];
}

/* Draws an SLO across the plot. */
function drawBounds(bounds, context, area, graph) {
  context.save();
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = context.strokeStyle = "#5b636d";
  context.setLineDash([5, 4]);
  for (const { at, label, unit } of bounds) {
    const y = graph.toDomYCoord(at);
    if (!(y > area.y && y < area.y + area.h)) continue;
    context.beginPath();
    context.moveTo(area.x, y);
    context.lineTo(area.x + area.w, y);
    context.stroke();
    const words = `${label} ${show(at, unit || "s")}`;
    context.fillText(words, ...clearPlace(graph, area, y, context.measureText(words).width));
  }
  context.restore();
}

/* Digits that tell the labels of an axis apart, however little of it is seen. */
function axisDigits([low, high]) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  return Math.max(3, Math.ceil(Math.log10(10 * largest / (high - low))) || 3);
}

/* Which series are drawn, and on which scale: nothing at all has no logarithm. */
function shownOptions({ view, shown, isLog }) {
  const hasPoint = (row) => shown.some((isShown, index) => isShown && row[index + 1] > 0);
  return { visibility: shown, logscale: isLog && view.rows.some(hasPoint) };
}

/* What a chart shows in a state: one of its views, the series shown, whether logarithmic. */
function viewOptions(chart, state) {
  const { view, isLog } = state;
  return {
    ...shownOptions(state),
    file: view.rows,
    ylabel: view.unit && view.unit !== view.name ? `${view.name} (${view.unit})` : view.name,
    underlayCallback: (context, area, graph) => drawBounds(view.bounds || [], context, area, graph),
    axes: {
      x: { axisLabelFormatter: (value, _, __, graph) =>
             show(value, "", axisDigits(graph.xAxisRange())), drawGrid: false,
           logscale: Boolean(chart.x.log) },
      y: { axisLabelFormatter: (value, _, __, graph) =>
             show(value, view.unit === "s" ? "s" : "", axisDigits(graph.yAxisRange())),
           axisLabelWidth: 66 },
    },
    dateWindow: null,
    valueRange: isLog || view.signed ? [null, null] : [0, null],
  };
}

/* Draws points, as rings where a series has them hollow. */
function pointDrawer(chart) {
  const hollow = (chart.hollow || []).map((xs) => new Set(xs));
  return (graph, name, context, x, y, colour, size, row) => {
    const index = chart.series.indexOf(name);
    const isHollow = Boolean(hollow[index]) && hollow[index].has(graph.getValue(row, 0));
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fillStyle = isHollow ? "#fff" : colour;
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash([]);
    context.fill();
    if (isHollow) context.stroke();
  };
}

/* The lines of one chart; gives back the graph. */
function drawLines(chart, plot, state) {
  const series = Object.fromEntries(chart.series.map((name, index) => [
    name, { color: lineColour(index), strokePattern: lineDash(index) }]));
  return new Dygraph(plot, state.view.rows, {
    ...viewOptions(chart, state),
    series,
    labels: [chart.x.label, ...chart.series],
    xlabel: chart.x.unit && chart.x.unit !== "%" ? `${chart.x.label} (${chart.x.unit})`
      : chart.x.label,
    legend: "never",
    connectSeparatedPoints: !chart.scatter,
    drawPoints: Boolean(chart.points || chart.scatter),
    pointSize: chart.scatter ? 4 : 3,
    drawPointCallback: pointDrawer(chart),
    strokeWidth: chart.scatter ? 0 : 2,
    gridLineColor: "#e6e9ed",
    axisLineColor: "#9aa3ad",
    highlightCircleSize: 5,
    highlightSeriesOpts: { strokeWidth: chart.scatter ? 0 : 3 },
    highlightSeriesBackgroundAlpha: 1,
    xRangePad: chart.x.log ? 0 : 8, /* padding below 1 would reach 0 */
    yRangePad: 16,
    animatedZooms: false,
    highlightCallback: (event, x, points, row, nearest) => {
      const lines = points.filter((point) => isFinite(point.yval)).map((point) =>
        `${point.name === nearest && points.length > 1 ? "▸ " : ""}${point.name}: ` +
        show(point.yval, state.view.unit));
      showTip([`${chart.x.label} ${show(x, chart.x.unit)}`, ...lines].join("\n"), event);
    },
    unhighlightCallback: hideTip,
  });
}

const hasPoints = (chart, index) => chart.views.some((view) =>
  view.rows.some((row) => Number.isFinite(row[index + 1])));

/* Buttons that hide and show the series of which there is something to see. */
function drawChips(chart, graph, state) {
  const chips = element("div", { className: "chips" });
  chart.series.forEach((name, index) => {
    if (!hasPoints(chart, index)) return;
    const chip = element("button", { type: "button" }, swatch(index), name);
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => {
      state.shown[index] = !state.shown[index];
      chip.setAttribute("aria-pressed", String(state.shown[index]));
      graph.updateOptions(shownOptions(state));
    });
    chips.append(chip);
  });
  return chips;
}

function drawChart(chart) {
  const place = document.getElementById(chart.id);
  const state = {
    view: chart.views[0],
    shown: chart.series.map(() => true),
    isLog: Boolean(chart.views[0].log),
  };
  const head = element("div", { className: "head" }, element("h3", { textContent: chart.title }));
  const plot = element("div", { className: "plot" });
  place.append(head, plot);
  const graph = drawLines(chart, plot, state);
  if (chart.series.length > 1) head.after(drawChips(chart, graph, state));
  const update = () => graph.updateOptions(viewOptions(chart, state));

  if (chart.views.length > 1) {
    const menu = element("select", { ariaLabel: `${chart.title}: which` },
      ...chart.views.map((view) => element("option", { textContent: view.name })));
    menu.addEventListener("change", () => {
      state.view = chart.views[menu.selectedIndex];
      update();
    });
    head.append(menu);
  }
  if (state.isLog) {
    const scale = element("button", { type: "button", textContent: "logarithmic" });
    scale.setAttribute("aria-pressed", "true");
    scale.addEventListener("click", () => {
      state.isLog = !state.isLog;
      scale.setAttribute("aria-pressed", String(state.isLog));
      update();
    });
    head.append(scale);
  }
  return graph;
}

addEventListener("DOMContentLoaded", () => {
  /* JSON has no NaN. */
  const charts = JSON.parse(document.getElementById("data").textContent,
    (key, value) => (value === "NaN" ? NaN : value));
  for (const chart of charts) {
    if (chart.gantt) drawGantt(chart);
    else drawChart(chart);
  }
  for (const piece of document.querySelectorAll("[data-tip]")) {
    piece.addEventListener("mousemove", (event) => showTip(piece.dataset.tip, event));
    piece.addEventListener("mouseleave", hideTip);
  }
});
