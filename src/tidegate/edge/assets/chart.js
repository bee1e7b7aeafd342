// <tg-chart>: draws the table of its figure. Without script, and for those who cannot see it, the table is the chart.
// Columns of `td[data-v]` over rows of `time[datetime]`; `data[value]` are bounds; `#chart-marks time` are releases.
// The drawing lives in a shadow root, where new contents of the page cannot reach it.

const COLOURS = 5;
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2]]; // lines differ without their colour as well
const HEIGHT = 190;
const TIMES = [ // from which distance of ticks, how, and what a new year, month or day adds
  [86400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];
const ZONE = "tidegate-zone";
const LEGEND = new CSSStyleSheet(); // names of routes are longer than a phone is wide
LEGEND.replaceSync(".u-legend .u-series { max-width: 100% } .u-legend :is(th, .u-label) { overflow-wrap: anywhere } .u-legend .u-value:empty { padding: 0 }");

/** @returns {boolean} whether times are shown in the zone of this browser */
export function isLocal() {
  return localStorage.getItem(ZONE) === "local";
}

/** Writes a number as its unit has it; short, for an axis. */
export function short(unit, value) {
  if (value === null || value === undefined) return "no data";
  if (unit === "rate") return `${+(value * 100).toPrecision(3)}%`;
  if (unit === "ms") return value < 1000 ? `${+value.toPrecision(3)} ms` : `${+(value / 1000).toPrecision(3)} s`;
  if (unit === "s") return `${+value.toPrecision(3)} s`;
  const [size, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([least]) => Math.abs(value) >= least) ?? [1, ""];
  return `${+(value / size).toPrecision(3)}${letter}${unit === "usd" ? " USD" : ""}`;
}

class Chart extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) this.build();
    this.figure = this.closest("figure");
    this.watching = new MutationObserver(() => this.plan());
    this.watching.observe(this.figure, { childList: true, subtree: true, characterData: true, attributes: true });
    this.seeing = new IntersectionObserver(([entry]) => {
      this.isSeen = entry.isIntersecting;
      this.plan();
    }, { rootMargin: "200px" });
    this.seeing.observe(this);
    this.sizing = new ResizeObserver(() => this.plan());
    this.sizing.observe(this);
    for (const name of ["tg:colours", "tg:zone"]) document.addEventListener(name, this.again);
  }

  disconnectedCallback() {
    for (const observer of [this.watching, this.seeing, this.sizing]) observer.disconnect();
    for (const name of ["tg:colours", "tg:zone"]) document.removeEventListener(name, this.again);
    this.plot?.destroy();
    this.plot = null;
  }

  build() {
    const root = this.attachShadow({ mode: "open" });
    const styles = document.createElement("link");
    styles.rel = "stylesheet";
    styles.href = this.dataset.styles;
    this.place = document.createElement("div");
    this.place.setAttribute("aria-hidden", "true"); // its words are the caption and the table
    this.probe = document.createElement("span"); // resolves tokens to colours
    this.probe.hidden = true;
    root.append(styles, this.place, this.probe);
    root.adoptedStyleSheets = [LEGEND];
    this.again = () => {
      this.drawn = "";
      this.plan();
    };
  }

  plan() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (!this.isSeen || !this.isConnected) return;
    const { names, data, bounds } = this.read();
    if (data[0].length < 2) {
      this.plot?.destroy();
      this.plot = null;
      this.drawn = "";
      return;
    }
    const marks = [...document.querySelectorAll("#chart-marks time")].map((time) => Date.parse(time.dateTime) / 1000);
    const width = Math.max(Math.floor(this.clientWidth), 160);
    const shape = JSON.stringify([names, bounds, marks, width, isLocal()]);
    if (this.plot && shape === this.drawn) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.drawn = shape;
    this.plot = new uPlot(this.options(names, bounds, marks, width), data, this.place);
  }

  read() {
    const names = [...this.figure.querySelectorAll("thead th + th")].map((cell) => cell.textContent.trim());
    const rows = [...this.figure.querySelectorAll("tbody tr")].reverse();
    const number = (text) => (text === "" || text === undefined ? null : Number(text));
    const data = [rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000)];
    names.forEach((_, place) => data.push(rows.map((row) => number(row.cells[place + 1]?.dataset.v))));
    const bounds = [...this.figure.querySelectorAll(".bounds data")].map((each) => each.value).filter(Boolean).map(Number);
    return { names, data, bounds };
  }

  options(names, bounds, marks, width) {
    const unit = this.dataset.unit;
    const colour = (token) => this.colour(token);
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      width,
      height: HEIGHT,
      tzDate: zoned,
      cursor: { sync: { key: "tidegate" }, drag: { x: true, y: false } },
      legend: { show: true, live: true },
      scales: { x: { time: true }, y: { range: (_, low, high) => around(Math.min(low ?? 0, 0), Math.max(high ?? 0, ...bounds), unit) } },
      axes: [{ ...axis, values: TIMES }, { ...axis, size: 64, values: (_, values) => values.map((value) => short(unit, value)) }],
      series: [
        { label: isLocal() ? "Local time" : "UTC", value: (_, at) => (at ? uPlot.fmtDate("{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}")(zoned(at)) : "") },
        ...names.map((label, place) => ({
          label,
          stroke: colour(`series-${(place % COLOURS) + 1}`),
          dash: DASHES[place % DASHES.length],
          width: 1.75,
          points: { show: true, size: 4, filter: alone },
          value: (_, value, __, at) => (at === null ? "" : short(unit, value)), // no pointer is no place without data
        })),
      ],
      hooks: {
        drawClear: [(plot) => this.lines(plot, marks.map((at) => ["x", at]), colour("muted"), [2, 4])],
        draw: [(plot) => this.lines(plot, bounds.map((value) => ["y", value]), colour("no-go"), [8, 4])],
      },
    };
  }

  lines(plot, wanted, stroke, dash) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = stroke;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(dash.map((each) => each * devicePixelRatio));
    for (const [scale, value] of wanted) {
      const at = Math.round(plot.valToPos(value, scale, true));
      const isInside = scale === "x" ? at >= bbox.left && at <= bbox.left + bbox.width : at >= bbox.top && at <= bbox.top + bbox.height;
      if (!isInside) continue;
      ctx.beginPath();
      if (scale === "x") ctx.moveTo(at, bbox.top), ctx.lineTo(at, bbox.top + bbox.height);
      else ctx.moveTo(bbox.left, at), ctx.lineTo(bbox.left + bbox.width, at);
      ctx.stroke();
    }
    ctx.restore();
  }

  colour(token) {
    this.probe.style.color = `var(--${token})`;
    return getComputedStyle(this.probe).color;
  }
}

/** The moment as uPlot writes it: in the zone of this browser, or in UTC. */
function zoned(seconds) {
  const at = new Date(seconds * 1000);
  return isLocal() ? at : uPlot.tzDate(at, "UTC");
}

/** Points that no line shows: between two gaps. */
function alone(plot, series) {
  const values = plot.data[series];
  return values.flatMap((value, at) => (value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null ? [at] : []));
}

/** Leaves room above the highest; a line without any events still has an axis. */
function around(low, high, unit) {
  const top = high > low ? high + (high - low) * 0.08 : low + 1;
  return [low, unit === "rate" ? Math.min(top, Math.max(1, high)) : top];
}

// Said once for all charts: the colours changed, or the zone of times did.
const tell = (name) => document.dispatchEvent(new CustomEvent(name));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tell("tg:colours"));
matchMedia("(prefers-contrast: more)").addEventListener("change", () => tell("tg:colours"));
new MutationObserver(() => tell("tg:colours")).observe(document.documentElement, { attributeFilter: ["data-appearance"] });
customElements.define("tg-chart", Chart);
