/*
 * The pipeline's timeline: a row for each stage, work and idle time by cause, sends
 * below. The data is
 *
 *   {id, gantt: [[replica, stage, kind, start, duration, step]], kinds: [name],
 *    stages: [[replica, stage, name]], start, length}
 *
 * in seconds; starts count from `start`, rows are in the order of `stages`.
 *
 * Dragging zooms in, a double click shows all again.
 */
const GANTT = { left: 164, right: 34, top: 6, row: 26, gap: 12, send: 4, axis: 26 };

/* Steps follow one another in two blues, so that one can be told from the next. */
const WORK_SHADES = ["#0072b2", "#4a9fd0"];
const GANTT_COLOURS = {
  "send": "#777777",
  "idle: imbalance": "#d55e00",
  "idle: fill and drain": "#e69f00",
  "idle: transfer": "#cc79a7",
  "idle: host": "#009e73",
  "idle: no work": "#e3e3e3",
  "idle: down": "#000000",
};

function spanColour(kind, step) {
  return kind === "work" ? WORK_SHADES[step % WORK_SHADES.length] : GANTT_COLOURS[kind];
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/* The distance of axis marks that gives at most `count` of them: 1, 2 or 5 times a power of ten. */
function markDistance(length, count) {
  const power = 10 ** Math.floor(Math.log10(length / count));
  return power * [1, 2, 5, 10].find((factor) => length / (power * factor) <= count);
}

function ganttLegend(chart) {
  const legend = element("p", { className: "legend" });
  for (const kind of chart.kinds) {
    const sample = element("i");
    sample.style.background = kind === "work"
      ? `linear-gradient(90deg, ${WORK_SHADES[0]} 50%, ${WORK_SHADES[1]} 50%)`
      : GANTT_COLOURS[kind];
    legend.append(element("span", {}, sample, kind));
  }
  return legend;
}

/* Draws [from, to] of the window into `picture`; `rows` holds the stages' names by "replica/stage". */
function paintGantt(chart, picture, rows, from, to) {
  const width = picture.clientWidth || 1000;
  const plotWidth = width - GANTT.left - GANTT.right;
  const height = GANTT.top + rows.size * (GANTT.row + GANTT.gap) + GANTT.axis;
  const toX = (time) => GANTT.left + ((time - from) / (to - from)) * plotWidth;
  const order = [...rows.keys()];
  const pieces = document.createDocumentFragment();
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.setAttribute("height", height);

  order.forEach((key, index) => {
    const y = GANTT.top + index * (GANTT.row + GANTT.gap) + GANTT.row / 2 + 4;
    pieces.append(svg("text", { x: GANTT.left - 12, y, "text-anchor": "end" }, rows.get(key)));
  });
  for (const span of chart.gantt) {
    const [replica, stage, kind, start, duration, step] = span;
    if (start > to || start + duration < from) continue;
    const isSend = chart.kinds[kind] === "send";
    const x = Math.max(toX(start), GANTT.left);
    const end = Math.min(toX(start + duration), GANTT.left + plotWidth);
    const y = GANTT.top + order.indexOf(`${replica}/${stage}`) * (GANTT.row + GANTT.gap);
    const piece = svg("rect", {
      x: x.toFixed(2),
      width: Math.max(end - x, isSend ? 1 : 0.2).toFixed(2),
      y: isSend ? y + GANTT.row + 2 : y,
      height: isSend ? GANTT.send : GANTT.row,
      fill: spanColour(chart.kinds[kind], step),
    });
    piece.span = span;
    pieces.append(piece);
  }
  const marks = markDistance(to - from, 8);
  const base = height - GANTT.axis;
  pieces.append(svg("line", { x1: GANTT.left, x2: GANTT.left + plotWidth, y1: base, y2: base,
    stroke: "#9aa3ad" }));
  const decimals = Math.max(0, -Math.floor(Math.log10(marks)));
  const first = Math.ceil((chart.start + from) / marks) * marks;
  for (let at = first; at <= chart.start + to + marks / 1e6; at += marks) {
    const x = toX(at - chart.start);
    pieces.append(svg("line", { x1: x, x2: x, y1: base, y2: base + 5, stroke: "#9aa3ad" }));
    pieces.append(svg("text", { x, y: base + 18, "text-anchor": "middle" },
      `${at.toFixed(decimals)} s`));
  }
  picture.replaceChildren(pieces);
}

function spanTip(chart, [, , kind, start, duration, step]) {
  const name = chart.kinds[kind];
  const what = step < 0 ? name : name === "work" ? `step ${step}`
    : name === "send" ? `send of step ${step}` : `${name}, before step ${step}`;
  return `${what}\n${show(duration, "s")} from ${(chart.start + start).toFixed(4)} s`;
}

function drawGantt(chart) {
  const rows = new Map(chart.stages.map(([replica, stage, name]) => [`${replica}/${stage}`, name]));
  const picture = svg("svg", { class: "gantt" });
  const shade = svg("rect", { fill: "#0072b2", "fill-opacity": 0.15, y: 0, height: "100%" });
  let view = [0, chart.length];
  let dragFrom = null;
  document.getElementById(chart.id).append(ganttLegend(chart), picture);
  const paint = () => paintGantt(chart, picture, rows, ...view);

  const offset = (event) => event.clientX - picture.getBoundingClientRect().left;
  const timeAt = (x) => {
    const share = (x - GANTT.left) / (picture.clientWidth - GANTT.left - GANTT.right);
    return view[0] + Math.min(1, Math.max(0, share)) * (view[1] - view[0]);
  };
  picture.addEventListener("mousedown", (event) => {
    dragFrom = offset(event);
  });
  picture.addEventListener("mousemove", (event) => {
    if (dragFrom !== null && Math.abs(offset(event) - dragFrom) > 3) {
      shade.setAttribute("x", Math.min(dragFrom, offset(event)));
      shade.setAttribute("width", Math.abs(offset(event) - dragFrom));
      picture.append(shade);
      hideTip();
    } else if (event.target.span) {
      showTip(spanTip(chart, event.target.span), event);
    } else {
      hideTip();
    }
  });
  addEventListener("mouseup", (event) => {
    if (dragFrom === null) return;
    const ends = [timeAt(dragFrom), timeAt(offset(event))].sort((a, b) => a - b);
    const isZoom = Math.abs(offset(event) - dragFrom) > 3 && ends[1] - ends[0] > 1e-7;
    dragFrom = null;
    shade.remove();
    if (isZoom) view = ends;
    if (isZoom) paint();
  });
  picture.addEventListener("mouseleave", hideTip);
  picture.addEventListener("dblclick", () => {
    view = [0, chart.length];
    paint();
  });
  addEventListener("resize", paint);
  paint();
}
